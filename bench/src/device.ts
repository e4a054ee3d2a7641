import path from 'node:path';
import { type CarillonApi, openCarillon } from '@carillon/client/node';
import type { World } from '@carillon/e2e';

/** A Node device, signed up. */
export async function device(world: World, handle: string): Promise<CarillonApi> {
  const carillon = await openCarillon({ baseUrl: world.url, dataDir: path.join(world.dir, handle) });
  const { registrationId } = await carillon.beginRegistration(handle);
  const code = world.codeFor(handle);
  if (!code) throw new Error(`no registration code for ${handle}`);
  await carillon.finishRegistration(registrationId, code, handle);
  return carillon;
}
