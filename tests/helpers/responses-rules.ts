/** An item of an OpenAI Responses request's input, as far as its rules look at it. */
export interface Item {
  type?: string;
  role?: string;
  id?: string;
  call_id?: string;
  content?: unknown;
  [field: string]: unknown;
}

/** An item of a response that was stored, and the reasoning that it goes with. */
export interface StoredItem {
  reasoning?: string;
}

/**
 * What the OpenAI Responses API would answer 400 to in an input.
 *
 * Returns one sentence per violation, none if the input is sound. Rules: an id
 * is one that was `stored`, once; reasoning comes with the item that followed
 * it, and that item, named by id, with its reasoning; every call has one output
 * behind it, and no output stands without its call; parts are of their role's
 * types, and none is empty.
 */
export function responsesViolations(input: readonly Item[], stored: ReadonlyMap<string, StoredItem>): string[] {
  return [...identities(input, stored), ...pairs(input), ...input.flatMap(parts)];
}

function identities(input: readonly Item[], stored: ReadonlyMap<string, StoredItem>): string[] {
  const ids = input.flatMap(({ id }) => id ?? []);
  return input.flatMap(({ id, type = "message" }, at) => {
    const next = input[at + 1];
    const isFollowed = next !== undefined && stored.get(next.id ?? "")?.reasoning === id;
    const reasoning = stored.get(id ?? "")?.reasoning;
    return [
      ...(id !== undefined && !stored.has(id) ? [`Item with id '${id}' not found.`] : []),
      ...(id !== undefined && ids.indexOf(id) !== ids.lastIndexOf(id) ? [`Duplicate item found with id ${id}.`] : []),
      ...(type === "reasoning" && !id ? ["Missing required parameter: 'id' of a reasoning item."] : []),
      ...(type === "reasoning" && !isFollowed
        ? [`Item '${id}' of type 'reasoning' was provided without its required following item.`]
        : []),
      ...(reasoning !== undefined && !ids.includes(reasoning)
        ? [`Item '${id}' of type '${type}' was provided without its required 'reasoning' item: '${reasoning}'.`]
        : []),
    ];
  });
}

function pairs(input: readonly Item[]): string[] {
  const open = new Set<string>();
  const violations = input.flatMap(({ type, call_id: id = "", arguments: args }) => {
    if (type === "function_call") {
      const again = open.has(id) ? [`Duplicate function call ${id}.`] : [];
      open.add(id);
      return typeof args === "string" ? again : [...again, `Missing arguments of function call ${id}.`];
    }
    if (type !== "function_call_output" || open.delete(id)) return [];
    return [`No tool call found for function call output with call_id ${id}.`];
  });
  return [...violations, ...[...open].map((id) => `No tool output found for function call ${id}.`)];
}

const partsOf: Record<string, string[]> = {
  assistant: ["output_text", "refusal"],
  user: ["input_text", "input_image", "input_file"],
  system: ["input_text"],
  developer: ["input_text"],
};

function parts({ type = "message", role = "", content }: Item): string[] {
  if (type !== "message") return [];
  const allowed = partsOf[role];
  if (!allowed) return [`Invalid role '${role}'.`];
  if (typeof content === "string") return [];
  if (!Array.isArray(content)) return [`Missing content of the ${role}'s message.`];
  return (content as Item[]).flatMap((part) => {
    if (!allowed.includes(part.type ?? "")) {
      return [`Invalid value: '${part.type}'. Supported values are: '${allowed.join("', '")}'.`];
    }
    const said = part.type === "refusal" ? part.refusal : part.type === "input_image" ? part.image_url : part.text;
    return said || part.type === "input_file" ? [] : [`An empty ${part.type}.`];
  });
}
