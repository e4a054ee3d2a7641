// Linking as people do it: one shows a code, the other scans it.
import type { Carillon } from '../../src/carillon.ts';
import { type DeviceOptions, type Stage, until } from './stage.ts';

/** A new device of the primary's account. */
export async function linkDevice(
  stage: Stage,
  primary: Carillon,
  name: string,
  options: DeviceOptions = {},
): Promise<Carillon> {
  const device = await stage.device(`${primary.account!.handle}-${name}`, options);
  await linkedTo(device, primary, name);
  return device;
}

export async function linkedTo(device: Carillon, primary: Carillon, name: string): Promise<void> {
  const { code, linked } = await device.beginLink(name);
  await primary.approveLink(code);
  await linked;
  await until(device, 'connection', () => device.connection.state === 'online');
}
