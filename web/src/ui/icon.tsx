// Line icons on a 24-unit grid, drawn for this app. Decorative always: the
// control that holds one carries the words.

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  bell: 'M12 3v1.5M12 4.5c-3.5 0-5.3 2.5-5.5 5.6-.2 3-1 4.2-2.2 5.6-.5.6-.1 1.3.6 1.3h14.2c.7 0 1.1-.7.6-1.3-1.2-1.4-2-2.6-2.2-5.6-.2-3.1-2-5.6-5.5-5.6zM10.2 20a2 2 0 0 0 3.6 0',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  key: 'M14.5 14a5 5 0 1 0-4.8-3.6L4 16v4h4v-2.5h2.5V15l1-1a5 5 0 0 0 3 0zM16 8.2v.1',
  people:
    'M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3 19c.3-3.1 2.7-5.2 6-5.2s5.7 2.1 6 5.2M15.5 5.5a3 3 0 0 1 0 5.8M17.5 14.2c2 .7 3.3 2.4 3.5 4.8',
  phone:
    'M6.5 3.5h2.3c.5 0 .9.3 1 .8l.8 3.3c.1.4 0 .8-.4 1.1L8.4 10c1.1 2.4 3.1 4.4 5.6 5.6l1.3-1.8c.3-.4.7-.5 1.1-.4l3.3.8c.5.1.8.5.8 1v2.3c0 1.4-1.2 2.5-2.6 2.3C10.7 19 5 13.3 4.2 6.1 4 4.7 5.1 3.5 6.5 3.5z',
  video:
    'M4 7.5A1.5 1.5 0 0 1 5.5 6h8A1.5 1.5 0 0 1 15 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 4 16.5zM15 10.5l5-3v9l-5-3',
  videoOff:
    'M4 7.5v9A1.5 1.5 0 0 0 5.5 18h8a1.5 1.5 0 0 0 1.2-.6M9 6h4.5A1.5 1.5 0 0 1 15 7.5v3l5-3v9l-2.5-1.5M3.5 3.5l17 17',
  mic: 'M12 14.5a3 3 0 0 0 3-3v-5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21',
  micOff:
    'M9 9v2.5a3 3 0 0 0 4.6 2.5M15 11V6.5a3 3 0 0 0-5.7-1.3M6 11.5a6 6 0 0 0 9.3 5M18 11.5c0 .9-.2 1.7-.5 2.4M12 17.5V21M3.5 3.5l17 17',
  screen: 'M4 5.5h16v10.5H4zM9 20h6M12 16v4M12 13V8.5M9.8 10.5L12 8.3l2.2 2.2',
  addPerson:
    'M10 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.5 19.5c.4-3.3 3-5.5 6.5-5.5s6.1 2.2 6.5 5.5M18.5 7.5v6M15.5 10.5h6',
  hangUp:
    'M3.3 13.2c4.8-4.9 12.6-4.9 17.4 0 .5.5.5 1.3.1 1.9l-1.3 1.7c-.3.4-.9.6-1.4.4l-2.8-1.1c-.5-.2-.8-.6-.8-1.1l-.1-1.9a9.5 9.5 0 0 0-4.8 0l-.1 1.9c0 .5-.3.9-.8 1.1l-2.8 1.1c-.5.2-1.1 0-1.4-.4l-1.3-1.7c-.4-.6-.4-1.4.1-1.9z',
  send: 'M4.5 12L3.5 5l17.5 7-17.5 7 1-7zM4.5 12H12',
  attach:
    'M19.5 11.5l-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.7-7.7a3.1 3.1 0 0 1 4.4 4.4l-7.6 7.6a1.5 1.5 0 0 1-2.2-2.2l6.8-6.8',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  checks: 'M2.5 12.5L7 17l9.5-9.5M12 16l1 1 9-9.5',
  clock: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5V12l3 2',
  alert: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 8v5M12 16v.1',
  play: 'M8 5.5v13l11-6.5z',
  pause: 'M8.5 5.5v13M15.5 5.5v13',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14',
  file: 'M7 3.5h7l4.5 4.5v12.5H7zM14 3.5V8h4.5',
  photo: 'M4 5.5h16v13H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 10a1 1 0 1 0 0-2 1 1 0 0 0 0 2z',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7',
  retry: 'M19.5 12a7.5 7.5 0 1 1-2.2-5.3M19.5 3.5v4h-4',
  shield: 'M12 3.5l7 2.5v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6zM9 12l2.2 2.2L15.2 10',
  sliders: 'M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h10M18 17h2M16 15v4',
  minimise: 'M6 9.5l6 6 6-6',
  expand: 'M6 14.5l6-6 6 6',
  signOut: 'M10 4.5H5.5v15H10M14 8l4 4-4 4M18 12H9.5',
  missed: 'M4 7l7 7 8-8M19 11V6h-5',
  callOut: 'M7 17L17 7M9.5 7H17v7.5',
  callIn: 'M17 7L7 17M14.5 17H7V9.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill={filled ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
