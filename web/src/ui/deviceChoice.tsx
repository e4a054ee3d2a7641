import { useEffect, useId } from 'preact/hooks';
import { liveCall } from '../state/call.ts';
import {
  canChooseSpeaker,
  chooseDevice,
  type DeviceKind,
  deviceInUse,
  devices,
  refreshDevices,
} from '../state/devices.ts';
import { asStream } from '../state/stream.ts';
import { DialogFrame } from './dialogFrame.tsx';

function Choice({ kind, label, stream }: { kind: DeviceKind; label: string; stream: MediaStream | undefined }) {
  const id = useId();
  const ofKind = devices.value.filter((device) => device.kind === kind && device.deviceId !== '');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={deviceInUse(stream, kind)}
        disabled={ofKind.length === 0}
        onChange={(event) => void chooseDevice(kind, event.currentTarget.value)}
        data-testid={`choose-${kind}`}
      >
        {ofKind.length === 0 && <option value="">None found</option>}
        {kind === 'audiooutput' && ofKind.length > 0 && <option value="">The system’s choice</option>}
        {ofKind.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${label} ${index + 1}`}
          </option>
        ))}
      </select>
    </div>
  );
}

export function DeviceChoice({ onClose }: { onClose: () => void }) {
  useEffect(() => void refreshDevices(), []);
  const stream = asStream(liveCall.value?.local.stream);
  return (
    <DialogFrame title="Sound and picture" onClose={onClose}>
      <div class="form">
        <Choice kind="audioinput" label="Microphone" stream={stream} />
        <Choice kind="videoinput" label="Camera" stream={stream} />
        {canChooseSpeaker && <Choice kind="audiooutput" label="Loudspeaker" stream={undefined} />}
      </div>
    </DialogFrame>
  );
}
