// Which devices are connected to this process, one connection each.
import { type Address, addressKey } from '@carillon/protocol';

export interface ConnectedDevice {
  /** Something was put into its queue. */
  queued(): void;
  /** Few one-time prekeys are left. */
  prekeysLow(count: number): void;
  /** The socket is to end. */
  cut(why: 'device-removed' | 'replaced-by-new-connection'): void;
}

export class DeviceHub {
  readonly #devices = new Map<string, ConnectedDevice>();

  get size(): number {
    return this.#devices.size;
  }

  get(address: Address): ConnectedDevice | undefined {
    return this.#devices.get(addressKey(address));
  }

  /** The newer connection wins: the older one may be a dead socket not yet noticed. */
  add(address: Address, device: ConnectedDevice): void {
    const key = addressKey(address);
    const older = this.#devices.get(key);
    this.#devices.set(key, device);
    older?.cut('replaced-by-new-connection');
  }

  /** Only if it is still the one: a replaced connection closes after its successor came. */
  remove(address: Address, device: ConnectedDevice): void {
    const key = addressKey(address);
    if (this.#devices.get(key) === device) this.#devices.delete(key);
  }

  cutRemoved(address: Address): void {
    const key = addressKey(address);
    const device = this.#devices.get(key);
    this.#devices.delete(key);
    device?.cut('device-removed');
  }
}
