import { execFileSync } from "node:child_process";

/** A process that hasn't ended (one that has, but that nobody has reaped, doesn't count). */
export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  command: string;
}

export function processTable(): ProcessEntry[] {
  const lines = execFileSync("ps", ["-eo", "pid=,ppid=,pgid=,stat=,args="], { encoding: "utf8" }).trim().split("\n");
  return lines.flatMap((line) => {
    const [, pid, parent, group, state, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), command: command ?? "" }];
  });
}

/** The process and all that descend from it. */
export function familyOf(pid: number, table: ProcessEntry[] = processTable()): ProcessEntry[] {
  const self = table.filter((entry) => entry.pid === pid);
  return [...self, ...table.filter(({ parent }) => parent === pid).flatMap((child) => familyOf(child.pid, table))];
}
