import { Component, type ComponentChildren } from 'preact';
import { failureWords } from '../words/failure.ts';
import { FullPage } from './fullPage.tsx';

interface State {
  readonly error: unknown;
}

/** A fault in drawing must not leave an empty page; everything is kept by the SDK, so that a reload mends it. */
export class ErrorBoundary extends Component<{ children: ComponentChildren }, State> {
  override state: State = { error: undefined };

  static override getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <FullPage title="Something broke on this page">
        <p>Your messages are safe on this device. Loading the page again usually helps.</p>
        <details class="quiet">
          <summary>Details for a bug report</summary>
          {failureWords(error)}
        </details>
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Load again
        </button>
      </FullPage>
    );
  }
}
