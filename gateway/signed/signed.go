// Package signed is the one form of everything that is signed in Samband: a
// short text of lines, then signature lines, as in C2SP signed-note.
//
//	samband/accede/v1
//	exchange hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBg=
//	previous KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s=
//	agreement t2MlRyh6sPzZSuIwZsqzEGtW8L9pFwyGdWbK0lKjv2c=
//
//	— fi 8rXyZ…
//	— fi kQ0aP…
//
// The first line names the form, the second the exchange, and each line after
// is a name and its values in the order that the form fixes. The text is
// printable ASCII. It is canonical by construction: a parser reads it into
// values, writes the values again and compares every byte, so there is one way
// to say each thing and nothing can hide in another. A [Form] describes the lines
// of one kind of text; its writer, its parser and its table in SPEC follow from it.
//
// Keys have uses, and [Uses] fixes the algorithms of each. The rule that
// [Verify] checks is short: exactly one signature by each key that the signer
// has for the use, in register order, and no other. It makes hybrid signatures
// out of two plain ones, and leaves nothing to strip or to add.
//
// SPEC §1 to §3 say every byte of this.
package signed
