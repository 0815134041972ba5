export function ownFiles(): string[];
