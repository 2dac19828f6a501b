import { z } from 'zod';

const transformName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The modules of a worker's transforms: `name=path,name=file:///path`, each name once. */
export const transformListSchema = z.string().transform((text, ctx) => {
  const modules: { name: string; module: string }[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, Math.max(0, equals)).trim();
    const module = entry.slice(equals + 1).trim();
    if (!transformName.test(name) || module === '') {
      ctx.addIssue(`"${entry}" is not of the form name=path, such as parse=./transforms/parse.js`);
    } else if (/^[a-z][a-z+.-]+:/i.test(module) && !module.startsWith('file:///')) {
      ctx.addIssue(`"${module}" is neither a path nor a file:/// URL`);
    } else if (modules.some((known) => known.name === name)) {
      ctx.addIssue(`transform "${name}" is named twice`);
    } else modules.push({ name, module });
  }
  return modules;
});
