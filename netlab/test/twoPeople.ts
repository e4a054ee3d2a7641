// Two people who know each other, each behind a NAT of their own, and their calls.
import type { TestContext } from 'node:test';
import type { MediaFacts, Person } from '@carillon/e2e';
import { type Host, LabWorld, type Link, type LinkWanted, type Nat, type NatKind } from '../src/index.ts';

/** Of the two, the caller is first. */
type Both<T> = readonly [T, T];

export class TwoPeople {
  readonly world: LabWorld;
  readonly nats: Both<Nat>;
  readonly hosts: Both<Host>;
  readonly people: Both<Person>;

  private constructor(world: LabWorld, nats: Both<Nat>, hosts: Both<Host>, people: Both<Person>) {
    this.world = world;
    this.nats = nats;
    this.hosts = hosts;
    this.people = people;
  }

  static async open(): Promise<TwoPeople> {
    const world = await LabWorld.open();
    try {
      const { lab } = world;
      const nats = [lab.nat('cone'), lab.nat('cone')] as const;
      const hosts = [lab.host().join(nats[0]), lab.host().join(nats[1])] as const;
      const [ana, bob] = await Promise.all([world.person('ana', hosts[0]), world.person('bob', hosts[1])]);
      await ana.signUp('Ana');
      await bob.signUp('Bob');
      await ana.chatWith('bob');
      await ana.say('May I call?');
      await bob.chatWith('ana');
      await bob.say('Do');
      await ana.message('Do').waitFor();
      return new TwoPeople(world, nats, hosts, [ana, bob]);
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** An emulated link before the caller's NAT. */
  link(wanted: LinkWanted): Promise<Link> {
    return this.world.lab.link(this.nats[0], wanted);
  }

  /** Both networks are of that kind now; from fresh pages, a call. Returns the pairs in use. */
  async callThrough(kind: NatKind, context?: TestContext): Promise<readonly string[]> {
    const [ana, bob] = this.people;
    for (const nat of this.nats) nat.setKind(kind);
    await Promise.all(this.people.map(({ page }) => page.goto(this.world.url)));
    await ana.chatWith('bob');
    await bob.chatWith('ana');
    await ana.get('call-video').click();
    await bob.get('incoming-call').waitFor();
    await ana.callIs('ringing-out');
    const acceptedMs = performance.now();
    await bob.get('accept-video').click();
    await this.bothActive();
    const activeMs = Math.round(performance.now() - acceptedMs);
    const pairs = await this.bothSeeAndHear();
    context?.diagnostic(`${pairs.join(' and ')}, ${activeMs} ms from the press on accept to active`);
    return pairs;
  }

  async bothActive(): Promise<void> {
    await Promise.all(this.people.map((person) => person.callIs('active', 'peer')));
  }

  /** Returns the pairs in use. */
  async bothSeeAndHear(): Promise<readonly string[]> {
    const facts = await Promise.all(this.people.map((person) => person.seesAndHears()));
    return facts.flatMap(({ pairs }) => pairs);
  }

  /** Waits until media of that one of the two takes such a way. Returns the pairs in use. */
  async pairsOnceAt(number: 0 | 1, pair: RegExp): Promise<readonly string[]> {
    const isSuch = ({ pairs }: MediaFacts) => pairs.length > 0 && pairs.every((each) => pair.test(each));
    await this.people[number].mediaUntil(`media by ${pair.source}`, isSuch);
    return this.bothSeeAndHear();
  }

  async hangUp(): Promise<void> {
    const [ana, bob] = this.people;
    await ana.get('hang-up').click();
    await bob.get('call-screen').waitFor({ state: 'detached' });
  }

  /** What failed unseen in the pages. */
  get faults(): readonly string[] {
    return this.people.flatMap(({ faults }) => faults);
  }

  close(): Promise<void> {
    return this.world.close();
  }
}
