// Package gateway has the rooms of Samband: the open gateway by which police
// of different countries exchange sealed, schema-validated messages under
// agreements in force, with a log that outsiders can verify.
//
// # One message
//
// An officer's desk composes a body by the schema of its type, asks the register
// who may receive it, seals it to one desk, signs the header and puts it into
// its outbox. The broker checks key, form, signatures and law, orders
// it, makes it durable together with a leaf of the audit log, and answers with a
// proof. The receiving desk checks all of that again, opens, validates, keeps
// the sealed bytes with what it found, and says that the message is handed over:
// for the log that is its consignment too, and the legal clock starts. Officers
// see the content once the log has proven it. A desk that is locked consigns, and
// hands over later. The sending desk forgets nothing before it has the proof of
// that end.
//
// # The rooms
//
//	samband/schema            the catalogue: one file for each message type, its labels
//	                          beside it; bundles, and a library of those that a desk has
//	samband/certs             keys and certificates of connections
//
//	cmd                       a program each; internal/cli is what their command lines share
//
//	what all sides speak: public, pure
//	  problem                 the closed list of codes, and what is kept by code
//	  signed                  forms of signed text, keys with uses, notes
//	  envelope                header, statements, and the events of a message
//	  seal                    frame and age; the only door to a body
//	  auditlog                record, leaf, checkpoint, proof
//	    tree                  tiles on disk
//	  register                parties, desks, keys, agreements; Decide
//	  verify                  what a party may believe of both logs and an answer
//	  authority               root and parties at work, on files
//	  api                     the HTTP contract and its client
//	  local                   the socket of one machine, for broker and desk
//	  durable                 files and locks that outlive a crash
//	  config, monitor         settings files; metrics, health, bounded logs
//	  internal/work           what a passphrase costs; only tests name another factor
//
//	the broker's wing
//	  broker                  New, Run, Close: the only wiring
//	    internal/edge         HTTPS: finished handshake to desk to service
//	    internal/router       the stages of a submission, in order
//	    internal/reader       what desks read: feeds, register, consistency
//	    internal/prover       one answer's proofs, under one checkpoint
//	    internal/sequencer    the one writer: group commit, start, repair
//	    internal/store        NATS JetStream: the commit point
//	    internal/records      the archive of records
//	    internal/index        SQLite, derived
//	    internal/quota        what a desk and a party may take; whose turn it is
//	    internal/bundles      the catalogue bundles that desks fetch
//	    internal/journal      what these speak of: groups, messages, events
//
//	the desk's wing
//	  desk                    New, Run, Close: composes, shows, explains, proves
//	    client                the local contract: types, Service, Go client; links no database
//	    internal/mail         what becomes of each message; alone talks to the broker
//	    internal/seen         whom and what the opened mail is about, in memory alone
//	    internal/keys         the two rings
//	    internal/store        SQLite: one row for each message, proofs, evidence
//
//	hit                       when a query and a row are the same, near, or not
//	  table                   a source of such rows: one SQLite file, filled from CSV
//
//	gatewaytest               an exchange in one process, for tests
//
// # The laws of the house
//
// Imports point down. The pure rooms know neither wing, and the wings never
// meet but in samband-demo, gatewaytest and tests. Rooms under one internal folder
// stand in an order and import only rooms below their own rank. Each library has one door: age in seal,
// ML-DSA in signed, NATS in broker/internal/store, JSON Schema in schema, tlog
// under auditlog, SQLite in the index, in the desk's store and in hit/table. No Go file
// outside schema names a message type or a field of a body. samband-broker
// links neither age nor seal nor desk: it could not read a body if it wanted
// to. samband-desk and samband-audit link no NATS. layers_test.go checks all of
// this.
//
// Read on in this order: cmd/samband-demo/testdata/first_message.txtar,
// broker/broker.go, broker/internal/router/router.go, desk/internal/mail/room.go.
// SPEC.md says every byte, DECISIONS.md why things are as they are.
package gateway
