import { defineConfig } from 'vite';

const GATEWAY = 'http://127.0.0.1:8080';
const SERVICES = ['/messaging', '/signaling', '/sfu', '/media'];

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2024',
    // Nothing is inlined as data: or as script, so that the strictest
    // Content-Security-Policy of the gateway holds.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Almost all of it is the SDK (WebRTC room client, cryptography, video container reader): needed from the start.
    chunkSizeWarningLimit: 1_200,
  },
  worker: { format: 'es' },
  server: {
    // `npm run dev` serves the page itself and leaves the services to a running gateway.
    proxy: Object.fromEntries(SERVICES.map((path) => [path, { target: GATEWAY, ws: true }])),
  },
});
