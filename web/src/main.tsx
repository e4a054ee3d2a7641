import './styles/theme.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/signUp.css';
import './styles/list.css';
import './styles/chat.css';
import './styles/message.css';
import './styles/media.css';
import './styles/composer.css';
import './styles/dialog.css';
import './styles/settings.css';
import './styles/linking.css';
import './styles/group.css';
import './styles/call.css';
import './styles/callTile.css';
import './styles/callLinks.css';
import type { CarillonApi } from '@carillon/client';
import { createBrowserCalls, openCarillon } from '@carillon/client/browser';
import { render } from 'preact';
import { followAttention } from './state/attention.ts';
import { followLinks } from './state/callLinks.ts';
import { startClock } from './state/clock.ts';
import { followDevices } from './state/devices.ts';
import { followAddress } from './state/route.ts';
import { opening } from './state/session.ts';
import { wire } from './state/wiring.ts';
import { App } from './ui/app.tsx';
import { failureWords } from './words/failure.ts';

declare global {
  interface Window {
    /** What the page itself uses, for tests and for the curious at the console. */
    carillon?: CarillonApi;
  }
}

/** A diagnostic: `?relay=1` sends all media through the relay, as behind the strictest firewall. */
const relayOnly = new URLSearchParams(location.search).get('relay') === '1';

render(<App />, document.getElementById('app')!);
startClock();
followAddress();
followLinks();
followDevices();
followAttention();

try {
  const calls = createBrowserCalls(relayOnly ? { iceTransportPolicy: 'relay' } : {});
  const api = await openCarillon({ calls });
  window.carillon = api;
  wire(api);
} catch (error) {
  opening.value = { state: 'failed', words: failureWords(error) };
}
