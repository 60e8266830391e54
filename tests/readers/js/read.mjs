// node read.mjs TARGET FILE...: write what hyparquet makes of each Parquet file as TARGET/<layer>.<table>.json,
// {column: {type, values}}: the JavaScript type of its values (null where all are NULL), and values that JSON can hold.
import { writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const typeOf = value => value instanceof Date ? 'Date' : typeof value

function plain(value) {
  if (value === undefined) throw new Error('a cell is undefined')
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`a cell is ${value}`)
  return value
}

function column(name, rows) {
  const values = rows.map(row => row[name])
  const types = new Set(values.filter(value => value !== null).map(typeOf))
  if (types.size > 1) throw new Error(`${name} holds ${[...types].join(' and ')}`)
  return { type: [...types][0] ?? null, values: values.map(plain) }
}

const [target, ...paths] = process.argv.slice(2)
for (const path of paths) {
  const file = await asyncBufferFromFile(path)
  const rows = await parquetReadObjects({ file, compressors })
  const names = parquetSchema(await parquetMetadataAsync(file)).children.map(child => child.element.name)
  const columns = Object.fromEntries(names.map(name => [name, column(name, rows)]))
  const table = `${basename(dirname(path))}.${basename(path, '.parquet')}`
  writeFileSync(join(target, `${table}.json`), JSON.stringify(columns))
}
