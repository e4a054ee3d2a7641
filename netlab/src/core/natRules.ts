// What each kind of NAT does with packets, as nftables rules (RFC 4787 has the
// words). Every kind filters by address and port: only who was written to may
// answer, as home routers and carriers do.

export const NAT_KINDS = ['cone', 'symmetric', 'udp-blocked', 'https-only'] as const;

/**
 * - `cone`: endpoint-independent mapping; two such meet by their server-reflexive addresses.
 * - `symmetric`: another port for each destination; only a relay is of use between two of them.
 * - `udp-blocked`: no UDP leaves.
 * - `https-only`: nothing leaves but TCP to port 443.
 */
export type NatKind = (typeof NAT_KINDS)[number];

const BLOCKED: Readonly<Record<NatKind, string>> = {
  cone: '',
  symmetric: '',
  'udp-blocked': 'meta l4proto udp drop',
  'https-only': 'meta l4proto != tcp drop; tcp dport != 443 drop',
};

/** Rules for a namespace whose inner interface is `lan` and whose outer one is `wan`. */
export function natRules(kind: NatKind): string {
  // Without a word masquerade keeps the inner port where it is free: the same for every destination.
  const mapping = kind === 'symmetric' ? 'masquerade random,fully-random' : 'masquerade';
  return `flush ruleset
table ip lab {
  chain outgoing {
    ${BLOCKED[kind]}
    accept
  }
  chain forwarded {
    type filter hook forward priority filter; policy drop;
    iifname "lan" oifname "lan" accept
    iifname "lan" jump outgoing
    iifname "wan" ct state established,related accept
  }
  # What nobody asked for is dropped before it leaves a trace: else its entry would take the port from the
  # mapping that the host behind is about to make.
  chain arriving {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
  chain leaving {
    type nat hook postrouting priority srcnat;
    oifname "wan" ${mapping}
  }
}
`;
}
