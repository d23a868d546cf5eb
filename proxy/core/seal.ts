import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** A key for one run, 32 bytes in base64url. */
export const newKey = (): string => randomBytes(32).toString("base64url");

/** Seals a value for those who have the key (AES-256-GCM); `runId` is bound to it. */
export function seal(value: unknown, key: string, runId: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(key, "base64url"), nonce).setAAD(Buffer.from(runId));
  const body = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
}

/** What was sealed, or undefined if it was with another key, for another run, or was changed. */
export function unseal(sealed: string, key: string, runId: string): unknown {
  const bytes = Buffer.from(sealed, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64url"), bytes.subarray(0, 12));
    decipher.setAAD(Buffer.from(runId)).setAuthTag(bytes.subarray(12, 28));
    const body = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
