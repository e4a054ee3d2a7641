// A signaling node in a process of its own, to be killed. argv: access JWKS, lease in milliseconds.
import { listen, parseConfig, silentLog } from '@carillon/service';
import { createLocalJWKSet } from 'jose';
import { createSignaling, signalingConfig, signalingService } from '../../../src/index.ts';

const [jwks = '', leaseMs = ''] = process.argv.slice(2);
const accessKeys = createLocalJWKSet(JSON.parse(jwks));
const options = { accessKeys, leaseMs: Number(leaseMs) };
const service = await createSignaling(parseConfig(signalingConfig, process.env), silentLog, options);
const { name, healthPath } = signalingService;
const { url } = await listen(service, { name, healthPath, host: '127.0.0.1', port: 0, log: silentLog });
process.send?.(url);
// Does not outlive its test.
process.on('disconnect', () => process.exit());
