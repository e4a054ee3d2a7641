/** The mark of Carillon; decorative beside the name. */
export function Logo({ size }: { size: number }) {
  return <img class="logo" src="/icon.svg" alt="" width={size} height={size} />;
}
