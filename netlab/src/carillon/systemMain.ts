// The whole of Carillon inside a laboratory's internet, as one would run it
// there: https on 443, the relay on an address of its own, so that it can have
// TLS on 443 too.
import { type System, selfSignedCertificate, startSystem } from '@carillon/gateway';
import { createLog, silentLog } from '@carillon/service';
import type { SystemReply, SystemRequest, SystemWanted } from './messages.ts';

let system: System | undefined;

async function start(wanted: SystemWanted): Promise<void> {
  const { dataDir, webAddress, mediaAddress, webDir, isLoud } = wanted;
  system = await startSystem({
    dataDir,
    host: webAddress,
    port: 443,
    tls: await selfSignedCertificate(dataDir, [webAddress, mediaAddress], new Date()),
    mediaAddress,
    turnPort: 3478,
    turnTlsPort: 443,
    sfuPort: 44_300,
    webDir,
    env: wanted.env,
    log: isLoud ? createLog('netlab') : silentLog,
    quiet: !isLoud,
  });
}

process.on('message', (request: SystemRequest & { id: number }) => {
  const done = request.do === 'start' ? start(request) : (system?.stop() ?? Promise.resolve());
  done.then(
    () => process.send?.({ id: request.id } satisfies SystemReply),
    (error: unknown) => process.send?.({ id: request.id, failed: String(error) } satisfies SystemReply),
  );
});
process.on('disconnect', () => process.exit());
