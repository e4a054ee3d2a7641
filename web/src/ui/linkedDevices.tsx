import type { OwnDeviceView } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { nowMs } from '../state/clock.ts';
import { openDialog } from '../state/dialog.ts';
import { notify } from '../state/notices.ts';
import { loadOwnDevices, ownDevices } from '../state/ownDevices.ts';
import { carillon, locale } from '../state/session.ts';
import { deviceName } from '../words/deviceName.ts';
import { failureWords } from '../words/failure.ts';
import { ownDeviceWords } from '../words/ownDevice.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { Icon } from './icon.tsx';

/** Those that signed up with an earlier version have told no name. */
function nameOf({ name, current, primary, deviceId }: OwnDeviceView): string {
  if (name !== '') return name;
  if (current) return deviceName(navigator.userAgent);
  return primary ? 'Main device' : `Device ${deviceId}`;
}

function Device({ device, removable }: { device: OwnDeviceView; removable: boolean }) {
  const [sure, setSure] = useState(false);
  const remove = () =>
    attempt(async () => {
      await carillon().removeDevice(device.deviceId);
      notify(`${nameOf(device)} is no longer part of your account.`);
      await loadOwnDevices();
    });
  return (
    <li class="device" data-testid="own-device" data-current={device.current} data-primary={device.primary}>
      <Icon name={device.primary ? 'key' : 'screen'} />
      <div>
        <p class="device-name">{nameOf(device)}</p>
        <p class="hint">{ownDeviceWords(device, nowMs.value, locale)}</p>
      </div>
      {removable && (
        <button
          type="button"
          class={sure ? 'button danger small' : 'button small'}
          aria-label={sure ? `Yes, remove ${nameOf(device)}` : `Remove ${nameOf(device)}`}
          data-testid="remove-device"
          onClick={() => (sure ? void remove() : setSure(true))}
        >
          {sure ? 'Yes, remove' : 'Remove'}
        </button>
      )}
      {sure && (
        <p class="problem" role="alert">
          It will get nothing more, but what it holds cannot be taken back. Really remove it?
        </p>
      )}
    </li>
  );
}

export function LinkedDevices({ onClose }: { onClose: () => void }) {
  const [problem, setProblem] = useState('');
  useEffect(() => {
    loadOwnDevices().catch((error: unknown) => setProblem(failureWords(error)));
  }, []);
  const devices = ownDevices.value;
  const isPrimary = devices?.some(({ current, primary }) => current && primary) === true;
  return (
    <DialogFrame title="Linked devices" onClose={onClose} onBack={() => openDialog({ type: 'profile' })}>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {devices === undefined && problem === '' && <p class="quiet">Asking the server…</p>}
      <ul class="device-list">
        {devices?.map((device) => (
          <Device key={device.deviceId} device={device} removable={isPrimary && !device.primary} />
        ))}
      </ul>
      {isPrimary ? (
        <button
          type="button"
          class="button primary wide"
          data-testid="link-device"
          onClick={() => openDialog({ type: 'link-device' })}
        >
          Link a device
        </button>
      ) : (
        devices !== undefined && <p class="hint">Devices are linked and removed on your main device.</p>
      )}
    </DialogFrame>
  );
}
