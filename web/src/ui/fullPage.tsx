import type { ComponentChildren } from 'preact';
import { Logo } from './logo.tsx';

export function FullPage({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <main class="full-page">
      <div class="full-page-card">
        <Logo size={72} />
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
