// Where the page finds its contents: in the page itself, or at its server.

const content = (id) => document.getElementById(id)?.textContent;

async function json(name) {
  const inside = content(name);
  if (inside !== undefined) return JSON.parse(inside);
  const response = await fetch(`${name}.json`);
  if (!response.ok) throw new Error(`The server answers ${response.status} for ${name}.`);
  return response.json();
}

export const loadIndex = () => json("index");
export const loadTracks = (entry) => json(`tracks-${entry.number}`);

export function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

const made = new Map();

// Address of a medium: a link, or what the page itself holds.
export function addressOf(medium) {
  if (medium.href !== undefined) return medium.href;
  if (!made.has(medium.number)) {
    const blob = new Blob([bytes(content(`medium-${medium.number}`))], { type: medium.type });
    made.set(medium.number, URL.createObjectURL(blob));
  }
  return made.get(medium.number);
}
