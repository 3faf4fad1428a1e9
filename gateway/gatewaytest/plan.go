package gatewaytest

import (
	"slices"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// A Plan is who shall be in an exchange, and under what law.
type Plan struct {
	Name       string // of the exchange
	Founders   []string
	Threshold  int
	Parties    []Party
	Agreements []Agreement
}

// A Party of a plan, with its desks.
type Party struct {
	Name  string
	Title string
	Desks []Desk
}

// A Desk of a plan.
type Desk struct {
	Address signed.Address
	Zone    register.Zone // "": UTC
	register.Directory
	Keyed bool // driven by a [KeyedDesk], which has its keys in the open, not by package desk
}

// An Agreement of a plan. Its first party proposes it.
type Agreement struct {
	Title    string
	Parties  []string
	Types    []string
	Copies   []register.CopyRule
	Purposes []string
	Ceiling  envelope.Classification
	Age      time.Duration // how long before the exchange is made it begins; zero: a day
	Lasts    time.Duration // from its beginning
}

// all are the names of every type of the catalogue.
func all() []string { return typesThat(func(*schema.Type) bool { return true }) }

// inquiries are what asks, answers or follows what asks. They leave out what is said
// unasked, so that a type can be refused.
func inquiries() []string {
	follow := map[string]bool{}
	for _, t := range schema.Embedded().Types() {
		for _, name := range t.FollowUps() {
			follow[name] = follow[name] || t.Asks()
		}
	}
	return typesThat(func(t *schema.Type) bool { return t.Asks() || t.OnlyReplies() || follow[t.Name] })
}

func typesThat(are func(*schema.Type) bool) (names []string) {
	for _, t := range schema.Embedded().Types() {
		if are(t) && !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}

// utc is the zone of a desk whose plan names none.
const utc register.Zone = "Etc/UTC"

const year = 365 * 24 * time.Hour

// Nordic is the exchange of the demonstration: Sweden and Finland, a bureau for
// co-ordination between police forces, and a Norwegian liaison officer posted in
// Ankara. Sweden and Norway have no agreement with each other. All of it is
// made up, the telephone numbers too.
func Nordic() Plan {
	return Plan{
		Name: "nordic.example", Founders: []string{"fi", "se"}, Threshold: 2,
		Parties: []Party{
			{"se", "Sverige", []Desk{{Address: "se.spoc", Zone: "Europe/Stockholm", Directory: register.Directory{
				Title: "Nationella operativa avdelningen, SPOC", Functions: []register.Function{"spoc", "ncb", "sirene"},
				Languages: []string{"sv", "en"}, Hours: "24/7", Telephone: "+46 8 000 00 00"}}}},
			{"fi", "Suomi / Finland", []Desk{{Address: "fi.spoc", Zone: "Europe/Helsinki", Directory: register.Directory{
				Title: "Keskusrikospoliisi, SPOC", Functions: []register.Function{"spoc", "ncb", "sirene", "enu"},
				Languages: []string{"fi", "sv", "en"}, Hours: "24/7", Telephone: "+358 29 000 0000"}}}},
			{"icpb", "International Co-operation Bureau", []Desk{{Address: "icpb.command", Zone: "Europe/Paris", Directory: register.Directory{
				Title: "Command and co-ordination", Functions: []register.Function{"organisation"},
				Languages: []string{"en", "fr", "es", "ar"}, Hours: "24/7", Telephone: "+33 4 00 00 00 00"}}}},
			{"no", "Norge / Noreg", []Desk{{Address: "no.liaison-ankara", Zone: "Europe/Istanbul", Directory: register.Directory{
				Title: "Sambandsmann Türkiye, Ankara", Functions: []register.Function{"liaison"},
				Languages: []string{"nb", "en", "tr"}, Hours: "Mon-Fri 08-16, on call", Telephone: "+90 312 000 00 00"}}}},
		},
		Agreements: []Agreement{
			{Title: "Information exchange under Directive (EU) 2023/977", Parties: []string{"se", "fi"}, Types: all(),
				Purposes: []string{"PREVENT_CRIME", "DETECT_CRIME", "INVESTIGATE_CRIME", "MISSING_PERSON"},
				Ceiling:  envelope.BPL, Lasts: year},
			{Title: "Enquiries of the bureau to liaison officers", Parties: []string{"icpb", "no"}, Types: inquiries(),
				Purposes: []string{"LOCATE_WANTED", "MISSING_PERSON"},
				Ceiling:  envelope.Unclassified, Lasts: year},
			{Title: "Notices of the bureau", Parties: []string{"icpb", "fi", "se"}, Types: all(),
				Purposes: []string{"LOCATE_WANTED", "IDENTIFY_PERSON"},
				Ceiling:  envelope.Unclassified, Lasts: year},
		},
	}
}
