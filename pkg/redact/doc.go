// Package redact knows what a secret looks like. It is the one list of sensitive names and the one set of shapes, for the
// plan reader and for telemetry.
//
// A secret is found in a text by
//
//	its name    password=x   "apiKey": "x"   token: x   --db-password x   {name: "DB_PASSWORD", value: x}
//	its shape   a JWT, a private key, ghp_…, https://user:x@host, ?sig=x, Bearer x, a webhook's URL
//	its kind    data and stringData of a Kubernetes Secret
//
// A text may be a document (JSON, YAML, dotenv, ini, a script), or have one inside. Only the secret is masked and the rest
// stays readable. A document in a string of a document is read, too.
//
// Work is linear in the length of the text and needs no regular expressions. A text without a hint is passed over once and
// costs no memory. The package is pure: it imports nothing of this project.
package redact
