import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics, serveMetrics } from '../../src/index.ts';

test('counters and gauges are told in the text format of Prometheus', () => {
  const metrics = new Metrics();
  const plain = metrics.counter('plain_total', 'Without labels.');
  const labelled = metrics.counter('labelled_total', 'With labels.', ['a', 'b']);
  metrics.gauge('now', 'A gauge.', () => 1.5);
  plain.add({}, 2);
  labelled.add({ a: 'x', b: 'say "hi"\\\n' });
  labelled.add({ a: 'x', b: 'say "hi"\\\n' });
  assert.equal(
    metrics.text(),
    [
      '# HELP plain_total Without labels.',
      '# TYPE plain_total counter',
      'plain_total 2',
      '# HELP labelled_total With labels.',
      '# TYPE labelled_total counter',
      'labelled_total{a="x",b="say \\"hi\\"\\\\\\n"} 2',
      '# HELP now A gauge.',
      '# TYPE now gauge',
      'now 1.5',
      '',
    ].join('\n'),
  );
});

test('a histogram counts each value in its bucket and all above', () => {
  const metrics = new Metrics();
  const plain = metrics.histogram('seconds', 'Plain.', [0.1, 1]);
  const labelled = metrics.histogram('score', 'Labelled.', [3], ['path']);
  for (const value of [0.1, 0.5, 2, 4]) plain.observe({}, value);
  labelled.observe({ path: 'direct' }, 4);
  assert.equal(
    metrics.text(),
    [
      '# HELP seconds Plain.',
      '# TYPE seconds histogram',
      'seconds_bucket{le="0.1"} 1',
      'seconds_bucket{le="1"} 2',
      'seconds_bucket{le="+Inf"} 4',
      'seconds_sum 6.6',
      'seconds_count 4',
      '# HELP score Labelled.',
      '# TYPE score histogram',
      'score_bucket{path="direct",le="3"} 0',
      'score_bucket{path="direct",le="+Inf"} 1',
      'score_sum{path="direct"} 4',
      'score_count{path="direct"} 1',
      '',
    ].join('\n'),
  );
});

test('series are bounded, and names are unique', () => {
  const metrics = new Metrics();
  const counter = metrics.counter('many_total', 'Too many.', ['id']);
  for (let n = 0; n < 5_000; n++) counter.add({ id: String(n) });
  assert.equal(metrics.text().split('\n').length, 103);
  assert.throws(() => metrics.gauge('many_total', 'Again.', () => 0), /no name/);
  assert.throws(() => metrics.gauge('Bad-name', 'Bad.', () => 0), /no name/);
});

test('they are served on a listener of their own, and nothing else is', async () => {
  const metrics = new Metrics();
  const server = await serveMetrics(metrics, '127.0.0.1', 0);
  const url = `http://127.0.0.1:${server.port}`;
  const reply = await fetch(`${url}/metrics`);
  assert.match(reply.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  const text = await reply.text();
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_delay_p99_seconds',
  ])
    assert.match(text, new RegExp(`^${name} [0-9.e+-]+$`, 'm'));
  assert.equal((await fetch(`${url}/`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 404);
  metrics.gauge('not_yet', 'Cannot be read.', () => {
    throw new Error('not started');
  });
  assert.equal((await fetch(`${url}/metrics`)).status, 503);
  await server.close();
});
