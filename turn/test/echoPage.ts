// What a page does to prove that the relay carries it.

/** Runs in the page: both ends relayed, a message there and back; resolves with what the chosen pair was. */
export async function echo(server: RTCIceServer): Promise<{ echoed: string; type: string; relayProtocol: string }> {
  const config: RTCConfiguration = { iceServers: [server], iceTransportPolicy: 'relay' };
  const [one, two] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
  one.onicecandidate = ({ candidate }) => void two.addIceCandidate(candidate ?? undefined);
  two.onicecandidate = ({ candidate }) => void one.addIceCandidate(candidate ?? undefined);
  two.ondatachannel = ({ channel }) => {
    channel.onmessage = ({ data }) => channel.send(data);
  };
  const channel = one.createDataChannel('echo');
  const echoed = new Promise<string>((resolve) => {
    channel.onopen = () => channel.send('there and back');
    channel.onmessage = ({ data }) => resolve(String(data));
  });
  await one.setLocalDescription();
  await two.setRemoteDescription(one.localDescription!);
  await two.setLocalDescription();
  await one.setRemoteDescription(two.localDescription!);
  const text = await echoed;
  const stats = new Map<string, Record<string, string>>();
  for (const [id, entry] of (await one.getStats()) as unknown as Map<string, Record<string, string>>)
    stats.set(id, entry);
  const transport = [...stats.values()].find((entry) => entry.type === 'transport');
  const local = stats.get(stats.get(transport?.selectedCandidatePairId ?? '')?.localCandidateId ?? '');
  one.close();
  two.close();
  return { echoed: text, type: local?.candidateType ?? '', relayProtocol: local?.relayProtocol ?? '' };
}
