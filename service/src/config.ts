// Configuration comes from environment variables, is parsed once, and is typed.
// Each field's zod description says what it does and what choosing it costs;
// `--help` prints them.
import { z } from 'zod';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Parses the variables that `schema` names out of `env`.
 * @throws ConfigError naming every variable that is missing or wrong.
 */
export function parseConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Readonly<Record<string, string | undefined>>,
): z.infer<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .filter((name) => env[name] !== undefined && env[name] !== '')
      .map((name) => [name, env[name]]),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(`The configuration is not valid:\n${lines.join('\n')}`);
}

/** One line per variable: name, description, default. */
export function describeConfig(schema: z.ZodObject): string {
  return Object.entries(schema.shape)
    .map(([name, field]) => {
      const parsed = (field as z.ZodType).safeParse(undefined);
      const fallback = parsed.success && parsed.data !== undefined ? ` (default: ${String(parsed.data)})` : '';
      return `  ${name}\n      ${(field as z.ZodType).description ?? ''}${fallback}`;
    })
    .join('\n');
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

/** Fields that more than one service has. */
export const fields = {
  port: (fallback: number) =>
    z.coerce
      .number()
      .int()
      .min(0)
      .max(65535)
      .default(fallback)
      .describe('TCP port of the HTTP and WebSocket listener; 0 takes a free one.'),
  host: () =>
    z
      .string()
      .default('127.0.0.1')
      .describe('Address to listen on. The default is this machine only; behind no proxy, use 0.0.0.0.'),
  dataDir: () => z.string().default('.carillon').describe('Folder that holds everything this service must not lose.'),
  messagingUrl: () =>
    z
      .url()
      .default('http://127.0.0.1:7101')
      .describe('Where messaging-core answers; its JWKS there verifies access tokens.'),
  redisUrl: () =>
    z
      .string()
      .regex(/^rediss?:\/\/[^\s,]+(,\s*rediss?:\/\/[^\s,]+)*$/)
      .optional(),
  /** Part of keys. */
  node: () =>
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/)
      .optional()
      .describe(
        'Names this node among those that share a Redis; give each its own. Default: made of host and process.',
      ),
  /** Comma separated list. */
  list: () => z.string().default('').transform(partsOf),
  /** Comma separated: the first signs, all verify, so that one can be replaced while the other still holds. */
  secrets: () =>
    z
      .string()
      .transform(partsOf)
      .pipe(z.array(z.string().min(16, 'must be at least 16 characters each')).min(1, 'is needed').max(4)),
  boolean: (fallback: boolean) =>
    z
      .enum(['true', 'false', '1', '0'])
      .default(fallback ? 'true' : 'false')
      .transform((text) => text === 'true' || text === '1'),
};
