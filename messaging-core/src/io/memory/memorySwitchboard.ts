// Who is connected, where there is one node: this process. One connection a device.
import { type AccountId, type Address, addressKey } from '@carillon/protocol';
import type { Attachment, DeviceSignal, PresenceState, Switchboard } from '../../core/switchboard.ts';

/** One object a device, no closures: there may be tens of thousands. */
class Connected implements Attachment {
  readonly address: Address;
  readonly onSignal: (signal: DeviceSignal) => void;
  readonly board: MemorySwitchboard;
  active = false;

  constructor(address: Address, onSignal: (signal: DeviceSignal) => void, board: MemorySwitchboard) {
    this.address = address;
    this.onSignal = onSignal;
    this.board = board;
  }

  async detach(): Promise<void> {
    this.board.drop(this);
  }

  async setActive(active: boolean): Promise<void> {
    this.board.setActive(this, active);
  }
}

type PresenceListener = (presence: PresenceState) => void;

export class MemorySwitchboard implements Switchboard {
  readonly #now: () => number;
  readonly #devices = new Map<string, Connected>();
  /** Devices on which somebody looks at the app. */
  readonly #active = new Map<AccountId, Set<Connected>>();
  readonly #watchers = new Map<AccountId, Set<PresenceListener>>();
  readonly #onInvalidate = new Set<(key: string) => void>();

  /** @param now Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  async attach(address: Address, onSignal: (signal: DeviceSignal) => void): Promise<Attachment> {
    const key = addressKey(address);
    const device = new Connected(address, onSignal, this);
    // The older one may be a dead socket not yet noticed.
    const older = this.#devices.get(key);
    this.#devices.set(key, device);
    if (older) {
      this.#setActive(older, false);
      older.onSignal({ type: 'cut', why: 'replaced-by-new-connection' });
    }
    return device;
  }

  async signal(address: Address, signal: DeviceSignal): Promise<boolean> {
    const device = this.#devices.get(addressKey(address));
    if (!device) return false;
    if (signal.type === 'cut') this.drop(device);
    device.onSignal(signal);
    return true;
  }

  async isConnected(address: Address): Promise<boolean> {
    return this.#devices.has(addressKey(address));
  }

  async watchPresence(accountId: AccountId, onChange: PresenceListener): Promise<() => void> {
    // A listener of its own each time, so that the same function given twice ends twice.
    const listener: PresenceListener = (presence) => onChange(presence);
    const watchers = this.#watchers.get(accountId) ?? new Set();
    this.#watchers.set(accountId, watchers.add(listener));
    return () => {
      watchers.delete(listener);
      if (watchers.size === 0 && this.#watchers.get(accountId) === watchers) this.#watchers.delete(accountId);
    };
  }

  async isActive(accountId: AccountId): Promise<boolean> {
    return this.#active.has(accountId);
  }

  async invalidate(key: string): Promise<void> {
    for (const listener of this.#onInvalidate) listener(key);
  }

  onInvalidate(listener: (key: string) => void): void {
    this.#onInvalidate.add(listener);
  }

  problem(): string | undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#devices.clear();
    this.#active.clear();
    this.#watchers.clear();
    this.#onInvalidate.clear();
  }

  /** A replaced connection closes after its successor came, and says nothing of the device any more. */
  setActive(device: Connected, active: boolean): void {
    if (this.#devices.get(addressKey(device.address)) === device) this.#setActive(device, active);
  }

  drop(device: Connected): void {
    const key = addressKey(device.address);
    if (this.#devices.get(key) !== device) return;
    this.#devices.delete(key);
    this.#setActive(device, false);
  }

  #setActive(device: Connected, active: boolean): void {
    if (device.active === active) return;
    device.active = active;
    const { accountId } = device.address;
    const devices = this.#active.get(accountId) ?? new Set();
    const before = devices.size > 0;
    if (active) this.#active.set(accountId, devices.add(device));
    else if (devices.delete(device) && devices.size === 0) this.#active.delete(accountId);
    const online = devices.size > 0;
    if (online === before) return;
    for (const listener of this.#watchers.get(accountId) ?? []) listener({ online, lastSeenMs: this.#now() });
  }
}
