// Whether a laboratory can be had here at all, in words for whoever skips a test.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const PROGRAMS = ['ip', 'nft', 'conntrack', 'socat', 'setpriv'] as const;
/** Not on everybody's PATH, but where Debian puts what only root uses. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin'];

/** Undefined where everything is there. */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = PROGRAMS.filter((name) => !isThere(name));
  if (missing.length > 0) return `${missing.join(', ')} not found (apt-get install iproute2 nftables conntrack socat)`;
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'there is no /dev/net/tun';
  }
  return undefined;
}

function isThere(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...SYSTEM_FOLDERS];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
