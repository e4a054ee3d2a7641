// What must hold of all histories in the end, whatever was killed meanwhile.
// Pure: what was said, and what each device shows.

/** One message as somebody said it. */
export interface Said {
  /** Unique in the run. */
  readonly text: string;
  readonly device: string;
  /** Names the conversation for everybody in it. */
  readonly conversation: string;
}

/** One device's conversation as it is shown, oldest first. */
export interface Shown {
  readonly device: string;
  readonly account: string;
  readonly conversation: string;
  readonly messages: readonly { readonly text: string; readonly outgoing: boolean; readonly status: string }[];
}

/** Every way in which the histories are not as they should be, in words. */
export function judge(said: readonly Said[], shown: readonly Shown[]): string[] {
  const faults: string[] = [];
  const byText = new Map(said.map((message) => [message.text, message]));
  const orderOf = new Map(said.map(({ text }, order) => [text, order]));
  for (const { device, conversation, messages } of shown) {
    const seen = new Set<string>();
    const lastOf = new Map<string, number>();
    for (const { text, outgoing, status } of messages) {
      const message = byText.get(text);
      if (!message || message.conversation !== conversation) {
        faults.push(`${device} shows "${text}" in ${conversation}, where nobody said it`);
        continue;
      }
      if (seen.has(text)) faults.push(`${device} shows "${text}" twice`);
      seen.add(text);
      const order = orderOf.get(text)!;
      if (order < (lastOf.get(message.device) ?? -1))
        faults.push(`${device} shows "${text}" too late in ${conversation}`);
      lastOf.set(message.device, order);
      if (outgoing && !['sent', 'delivered', 'read'].includes(status))
        faults.push(`${device} still has "${text}" as ${status}`);
    }
  }
  return [...faults, ...losses(byText, shown)];
}

/** What one device shows as sent, every device in the conversation shows. */
function losses(byText: ReadonlyMap<string, Said>, shown: readonly Shown[]): string[] {
  const faults = new Set<string>();
  const texts = shown.map(({ messages }) => new Set(messages.map(({ text }) => text)));
  for (const { messages, conversation } of shown) {
    for (const { text, outgoing } of messages) {
      if (!outgoing || !byText.has(text)) continue;
      for (const [index, other] of shown.entries()) {
        if (other.conversation === conversation && !texts[index]!.has(text))
          faults.add(`${other.device} lost "${text}" of ${conversation}`);
      }
    }
  }
  return [...faults];
}
