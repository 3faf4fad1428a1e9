// Package hit answers one question of another desk by machine: is this document,
// vehicle, firearm or person in a data set of ours? What leaves the desk is an
// [Outcome], and nothing else.
//
//	asked, err := hit.Read(hit.Query{Dataset: hit.Vehicle, Keys: map[hit.Key]string{
//		hit.Plate: "abc 123", hit.PlateCountry: "SE",
//	}})
//	answer, err := source.Search(ctx, asked) // answer.Outcome: hit.Hit
//
// Both sides of a comparison are read by [Read]: what is asked for, and each row of the
// data set. It refuses what can't be right, and brings each value to its normal form.
// [Compare] then says what two of them have to do with each other. A source needs an
// index to find the rows that are worth comparing: [Subject.Entries] are what it keeps
// of a row, [Subject.Probes] what it looks up for a query. Package table is such a
// source, of a file.
//
// # The rule
//
// A comparison finds a contradiction, or it counts doubts. A contradiction, or two
// doubts, is no hit. One doubt is inconclusive: a person has to look. No doubt is a hit.
// A source answers with the best of its rows.
//
// Numbers of any kind are compared by their letters and digits alone, in capitals. Cyrillic
// and Greek letters that look like Latin ones are taken for those, since nobody can tell
// them apart on a plate; other letters are transliterated.
//
// Documents. The number must be the same. Another country is a contradiction. Doubts:
// a country that one side doesn't name; another kind; a number that is the same only
// when letters and digits that look alike are taken for each other (0 O Q, 1 I L, 2 Z,
// 5 S, 6 G, 8 B: once, however many).
//
// Vehicles. The same VIN of 17 characters is a hit, whatever the plate says: plates are
// changed. In a VIN, I is 1 and O and Q are 0, since it never has those letters
// (ISO 3779). Else, a doubt each: a shorter chassis number; characters that look alike.
// Where the VIN doesn't decide, the plate must be the same, and its country as with
// documents; characters that look alike are a doubt. Another VIN with the same plate is
// a doubt: one of the two carries the other's plate.
//
// Firearms. The serial number must be the same, with look-alikes as above. Doubts: a make
// that is not named by both, or differs by more than words that one side leaves out
// ("Glock", "Glock Ges.m.b.H."); another calibre, by its first number; a serial number
// of fewer than four characters.
//
// Persons. All parts of a name count alike, whether they stand as family name, given
// name or full name, and in any order. Apostrophes vanish; hyphens, commas and full
// stops part. The articles Al and El are left out where a name has more, and the Arabic
// one at the beginning of a word; Abdulrahman and Abdel-Rahman are Abd and Rahman.
//
//   - Two parts are the same when one of their transliterations is: each letter by
//     ICAO Doc 9303 Part 3 section 6, in each form and for each language that its
//     tables name; Greek by ELOT 743. So Müller is the same as Mueller and as Muller,
//     and Горбачёв as Gorbachev. Letters of other scripts are compared as they are.
//   - Two parts are near when the shorter has at least four letters, the longer five, and
//     one letter is too many, missing, another, or changed places with its neighbour; or
//     when they sound alike by the list in sound.go (Yusuf, Youssef; Julia, Yuliya); or
//     when they have the same four or more consonants, and begin and end alike (Aleksandr,
//     Alexander); or when one stands in Arabic letters, which leave out vowels, and both
//     have the same consonants.
//   - Same names have the same parts. Doubts of a name are: near parts, of which one at
//     most by a letter, or parts that one side writes as one word while others are the
//     same; initials; parts that only one side has, of names that share at least two, or
//     one where both birth dates are complete and the same. Whatever else differs is a
//     contradiction.
//
// Birth dates are the same when no part of them differs and both have a year. Doubts:
// one side has no year; day and month changed places; one side has 1 January, which
// many registers write where the day isn't known. Other differences are contradictions.
// Sex (F and M alone say something) and nationality that differ are a doubt each.
//
// One exception widens this. Two doubts are inconclusive, when one is that parts of a
// name sound alike and no more, and the other a year of birth that one side lacks, and
// the names share two parts or more: without it, a person whose birth date isn't known
// is found by one spelling only.
//
// # What it misses
//
// TestSpellings measures two lists that were made for it, in Latin, Cyrillic, Greek and
// Arabic letters: names.tsv, by which the rule was made, and names-unseen.tsv, which was
// written afterwards and never used to change it. All persons of a list are born on the
// same day, so the look-alikes are as hard to tell apart as can be; born on different
// days, none of them is found.
//
//	                                            names  unseen
//	pairs of spellings of one name                507     311
//	  found, of 100                                98      92
//	  hits among them, of 100                      29      21
//	pairs of different names that look alike      450     262
//	  hits, of 100                                  0       0
//	  inconclusive, of 100                         16      21
//
// Missed are: another language's form of a name (Johannes, Ivan), short forms (Bill),
// names changed by marriage, two letters wrong, another letter together with other
// doubts, and scripts without a table here against Latin letters, such as Chinese.
package hit

import (
	"context"
	"errors"
)

// A Dataset is a code of what a data set is about.
type Dataset string

// The data sets.
const (
	Document Dataset = "DOCUMENT"
	Vehicle  Dataset = "VEHICLE"
	Firearm  Dataset = "FIREARM"
	Nominal  Dataset = "NOMINAL" // persons
)

// A Key names a value of a query or of a row.
type Key string

// The keys; [Dataset.Keys] says which belong to which data set.
const (
	Number       Key = "number"        // of a document
	Country      Key = "country"       // that issued it
	Kind         Key = "kind"          // PASSPORT
	Plate        Key = "plate"         // registration plate
	PlateCountry Key = "plate_country" // that issued it
	VIN          Key = "vin"           // vehicle identification or chassis number
	Serial       Key = "serial"        // of a firearm
	Make         Key = "make"          // who made it
	Calibre      Key = "calibre"       // 9 mm
	Family       Key = "family"        // one of the three names is enough
	Given        Key = "given"         //
	Full         Key = "full"          // a name whose parts are not told apart
	BirthDate    Key = "birth_date"    // 1985-04-12, 1985-04, 1985, --04-12
	Sex          Key = "sex"           // F, M, X, UNKNOWN
	Nationality  Key = "nationality"   // SWE, or SE
)

// A Query is what somebody asks for, or a row, in its writer's spelling.
type Query struct {
	Dataset Dataset
	Keys    map[Key]string
}

// An Outcome is what leaves the desk.
type Outcome string

// The outcomes.
const (
	Hit          Outcome = "HIT"          // the data set has it
	NoHit        Outcome = "NO_HIT"       // the data set has nothing like it
	Inconclusive Outcome = "INCONCLUSIVE" // it has something like it: a person must look
)

// MaxReferences is how many references an [Answer] names.
const MaxReferences = 100

// An Answer is the outcome, and what the desk's own officers see of it.
type Answer struct {
	Outcome Outcome `json:"outcome"`

	// Candidates is how many different references have rows of that outcome.
	// References are up to MaxReferences of them, in their order. Neither leaves the
	// desk, nor do they stand in its JSON.
	Candidates int      `json:"-"`
	References []string `json:"-"`
	// Incomplete says that the source stopped before it had compared all rows that might
	// match. The outcome is not NoHit then, and there may be more candidates.
	Incomplete bool `json:"-"`
}

// ErrNoDataset: the source has no data set of that code. That is no answer: a desk must
// never send it as no hit.
var ErrNoDataset = errors.New("this desk has no such data set")

// A Source answers queries. Who implements one promises:
//
//   - Search compares by [Compare], or by a rule that is published as well as its own.
//     Hit means that at least one row is the subject, Inconclusive that at least one may
//     be and none is, NoHit that no row may be. When it can't tell, because the data set
//     isn't there, it was interrupted or the disk fails, it returns an error and no
//     answer: NoHit is a statement of fact.
//   - Search has no side effect that anyone but the source's own operator sees: it
//     writes nothing about the query and asks nobody outside the organisation.
//   - Search is bounded whatever is asked: it returns within a second or so, uses memory
//     for one query only, and returns soon after ctx ends, with its error. A source that
//     would have to compare more rows than it has time for stops, and says Inconclusive
//     and Incomplete, or Hit where it had one.
//   - Search answers from one state of its data, even while that is replaced.
//   - Search may be called by many goroutines at once.
//   - References name rows to the desk's own officers, and are no content: a case or
//     record number.
type Source interface {
	Search(ctx context.Context, asked *Subject) (Answer, error)
}
