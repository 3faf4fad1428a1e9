package client

import (
	"encoding/json"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A Status is how a desk stands.
type Status struct {
	Desk       signed.Address `json:"desk"`
	Exchange   string         `json:"exchange"`
	Hash       signed.Hash    `json:"hash"`
	Broker     string         `json:"broker"`
	Locked     bool           `json:"locked"`
	Reachable  bool           `json:"broker_reachable"`
	Trouble    string         `json:"trouble,omitempty"`    // what is amiss between this desk and the broker, and what to do
	Registered bool           `json:"registered"`           // the register knows this desk by the keys it has
	Register   int64          `json:"register"`             // entries known
	Audit      int64          `json:"audit"`                // entries of the audit log known
	Silent     Duration       `json:"silent,omitempty"`     // for how long the audit log has not grown, once that is too long
	Evidence   int            `json:"evidence"`             // breaches by the broker, or by whoever uses this desk's ring
	Breaches   []Breaches     `json:"breaches,omitempty"`   // the same by code
	Overdue    []Overdue      `json:"overdue,omitempty"`    // of what this desk sent
	LostWords  int            `json:"lost_words,omitempty"` // in this desk's name, said by a lost copy of it
	Clock      string         `json:"clock,omitempty"`      // how far the desk's clock is from the log's; "": less than a minute
	Hits       string         `json:"hits,omitempty"`       // why no machine answers queries although there was data to search, and what to do
	Damages    Damages        `json:"damages,omitzero"`     // that its disk did to its database
	Shared     string         `json:"shared,omitempty"`     // since when another program uses the online ring, and what to do
	Duties     []Duty         `json:"duties,omitempty"`
	Lacks      []Lack         `json:"lacks,omitempty"`
	Entries    []Entered      `json:"entries,omitempty"` // that were handed in, and the register lacks
	Erasures   Erasures       `json:"erasures"`
	Disk       Disk           `json:"disk"`
	Losses     []Loss         `json:"losses,omitempty"` // what was found of the desk's database and nobody has settled, the newest first
	Lost       int            `json:"lost,omitempty"`   // messages that are lost by it, have not come again, and nobody has settled
	Keys       []OpeningKey   `json:"keys,omitempty"`   // the ring's opening keys as it was last unlocked, the newest last
}

// An Entered is what became of a register entry that was handed in at a desk.
type Entered struct {
	Hash   signed.Hash `json:"hash"`             // of its bytes
	Says   string      `json:"says"`             // what it is, and who signed it
	Index  int64       `json:"index,omitempty"`  // its place in the register; none while it waits
	Since  signed.Time `json:"since,omitzero"`   // it waits
	Alarm  bool        `json:"alarm,omitempty"`  // it has waited for a minute: is it held back?
	Why    string      `json:"why,omitempty"`    // the last attempt brought no answer
	Heeded bool        `json:"heeded,omitempty"` // a revocation, by which the desk goes already
}

// A Disk is how much room a desk's disk has for it.
type Disk struct {
	Free    int64  `json:"free"`          // bytes, beside the reserve
	Needed  int64  `json:"needed"`        // with fewer nothing is taken in or sent
	Full    bool   `json:"full"`          // so it is, or it has no more files, or takes no writes: mail waits at the broker
	Why     string `json:"why,omitempty"` // it is full
	Reserve bool   `json:"reserve"`       // it is there: by it reading, erasing, locking and unlocking work on a full disk
}

// Breaches are what a desk has seen of one code.
type Breaches struct {
	Problem Problem     `json:"problem"`         // its rule, and what to do
	Pieces  int         `json:"pieces"`          // that were seen
	Lost    int         `json:"lost,omitempty"`  // of these, pieces that are not kept
	Bytes   int         `json:"bytes,omitempty"` // and pieces whose bytes are not kept
	Since   signed.Time `json:"since"`
	Newest  signed.Time `json:"newest"`
	Subject string      `json:"subject"` // of the newest
}

// An OpeningKey is one of a desk's. One that the register has replaced is destroyed after
// 30 days, once no message needs it; that takes the unlocked ring.
type OpeningKey struct {
	ID       string      `json:"id"` // as headers name it, in hex
	Replaced signed.Time `json:"replaced,omitzero"`
	Until    signed.Time `json:"until,omitzero"`
	Needed   int         `json:"needed,omitempty"` // messages here that have not ended and can't be opened without it
}

// Erasures are how a desk stands with what it erased. It tells itself so in the log, in
// sealed lists: see Service.Erased.
type Erasures struct {
	Unstated   int    `json:"unstated,omitempty"`   // erased, and no list in the log names it yet: that waits for the unlocked ring, and for the broker
	Hidden     int    `json:"hidden,omitempty"`     // texts of messages that wait for a person's decision
	Unopened   int    `json:"unopened,omitempty"`   // lists that this desk did not know and has not opened: that waits for the unlocked ring
	Unreadable int    `json:"unreadable,omitempty"` // lists that this ring does not open: they name what nobody can tell
	Lost       int    `json:"lost,omitempty"`       // lists that the broker has no more
	NotShown   string `json:"not_shown,omitempty"`  // why no content is shown now, though the ring be unlocked
}

// A Loss is what a desk's database was found to have lost, or that it was begun empty.
type Loss struct {
	Found  signed.Time `json:"found"` // by this desk's clock
	Kind   string      `json:"kind"`  // behind, log-damaged, replaced, empty
	Detail string      `json:"detail"`
}

// A LostMessage is one that this desk had and lacks since its database lost it, as the log
// and the broker show it.
type LostMessage struct {
	ID       signed.ID      `json:"id"`
	Received bool           `json:"received"`        // else this desk sent it
	Other    signed.Address `json:"other,omitempty"` // the desk at the other end; none: nobody said
	Event    envelope.Event `json:"event"`           // the last that the log says of it
	Leaf     int64          `json:"leaf"`            // where it says that
}

// A HiddenMessage is one that this desk erased before it was put back from a backup.
type HiddenMessage struct {
	From     signed.Address `json:"from"`
	To       signed.Address `json:"to"`
	Received bool           `json:"received"` // else this desk sent it
	Item
}

// A Lack is a catalogue bundle that the register names and the desk should have and
// doesn't: the one in force, or an older one that has a type which something waits for.
type Lack struct {
	Bundle  schema.BundleHash `json:"bundle"`
	Problem *Problem          `json:"problem,omitempty"` // of the last attempt to get it or to load it; nil: none was answered
}

// A Draft is a message that an officer wrote, before it is sealed.
//
// The desk seals the bytes of the body that it gets, and adds at their end what the
// officer left out: the list of attachments, the recipients of an open sending, the
// reference of the message that is answered. On the way to the desk, JSON in JSON,
// a body loses the white space between its parts and nothing else: names, strings
// and numbers stay as they were spelled, names that stand twice stay for the desk to
// refuse. A body that is no JSON goes nowhere: it is BODY_MALFORMED.
type Draft struct {
	Name           string                  `json:"name,omitempty"` // names the send, so that it may be repeated; "" for any
	To             []signed.Address        `json:"to,omitempty"`   // of an answer its sender; of a follow-up some of those whom the first went to, or, without any, all
	Type           string                  `json:"type"`
	Body           json.RawMessage         `json:"body,omitempty"` // as it was written, faults and all: it is sealed so
	Attachments    []Attachment            `json:"attachments,omitempty"`
	Agreement      signed.Hash             `json:"agreement,omitzero"` // zero: the one that fits
	Urgent         bool                    `json:"urgent,omitempty"`
	Classification envelope.Classification `json:"classification,omitempty"` // "" is unclassified
	Lifetime       Duration                `json:"lifetime,omitempty"`       // until it expires; zero: 7 days
	Confidential   bool                    `json:"confidential,omitempty"`   // of several recipients none learns of another
	Copy           json.RawMessage         `json:"copy,omitempty"`           // what only its writer can say in a copy that an agreement asks for: members of its body
	CopyAgreement  signed.Hash             `json:"copy_agreement,omitzero"`  // that the copy goes under; zero: the one that fits
	NoCopy         *NoCopy                 `json:"no_copy,omitempty"`        // why no copy goes, where the body does not say it
	Fresh          bool                    `json:"fresh,omitempty"`          // without a name: refuse with REPEATED what this desk has just sent
}

// NoCopy says in a draft why nobody is copied, where an agreement asks for a copy.
type NoCopy struct {
	Reason string `json:"reason"` // a code
	Text   string `json:"text,omitempty"`
}

// An Attachment is a small file inside a message.
type Attachment struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Data      []byte `json:"data,omitempty"`
	Bytes     int    `json:"bytes,omitempty"` // in listings, which leave out the data
}

// A Sending is what became of a draft: an envelope for each recipient that the
// law permits, and the rule for each other. Its messages have no summary: nothing
// is opened to show what was just written.
type Sending struct {
	Name     string       `json:"name"`
	Messages []OutboxItem `json:"messages"`
	Blocked  []Blocked    `json:"blocked,omitempty"`
	Copies   []OutboxItem `json:"copies,omitempty"`   // sent with them, because their agreements ask for it
	Withheld []Withheld   `json:"withheld,omitempty"` // copies that were not
}

// Withheld is a copy that an agreement asks for and that was not sent.
type Withheld struct {
	To     signed.Address `json:"to"`
	Type   string         `json:"type"`
	Reason string         `json:"reason"` // the code that the messages give
}

// Blocked says why nothing goes to one recipient.
type Blocked struct {
	To      signed.Address `json:"to"`
	Problem Problem        `json:"problem"`
}

// An Explanation says of each recipient who would get a draft, under which
// agreement, and what blocks it. Nothing is sent or stored.
type Explanation struct {
	Type       string      `json:"type"`
	Problem    *Problem    `json:"problem,omitempty"` // of the draft itself
	Recipients []Recipient `json:"recipients"`
	Copies     []Copy      `json:"copies,omitempty"` // that would go too, or are withheld
	Locked     bool        `json:"locked,omitempty"` // the desk must be unlocked first
}

// A Copy of an explanation is one that the agreements of the draft's messages ask for.
// If it is blocked, nothing of the draft is sent.
type Copy struct {
	Recipient
	Type     string      `json:"type"`
	AskedBy  []Agreement `json:"asked_by"`
	Withheld string      `json:"withheld,omitempty"` // the code of the reason for which it does not go
}

// A Recipient of an explanation.
type Recipient struct {
	Address    signed.Address `json:"address"`
	Title      string         `json:"title,omitempty"`
	Hours      string         `json:"hours,omitempty"`
	Telephone  string         `json:"telephone,omitempty"`
	Languages  []string       `json:"languages,omitempty"`
	Agreements []Agreement    `json:"agreements,omitempty"` // that would carry it
	Blocked    []Obstacle     `json:"blocked,omitempty"`    // agreements that would not
	Problem    *Problem       `json:"problem,omitempty"`    // nil: it would pass
}

// An Agreement, for the screen.
type Agreement struct {
	Hash     signed.Hash             `json:"hash"`
	Title    string                  `json:"title"`
	Parties  []string                `json:"parties"`
	Purposes []string                `json:"purposes"`
	Ceiling  envelope.Classification `json:"ceiling"`
	Until    signed.Time             `json:"until"`
}

// An Obstacle is an agreement and the rule by which it doesn't carry a draft.
type Obstacle struct {
	Agreement Agreement `json:"agreement"`
	Problem   Problem   `json:"problem"`
}

// A Ref names a message. A sender chooses its messages' ids, so an id may stand for
// messages of several desks; From says whose is meant, the desk's own address for
// one that it sent. Without From, such an id is UNKNOWN_MESSAGE.
type Ref struct {
	From signed.Address `json:"from,omitempty"`
	ID   signed.ID      `json:"id,omitzero"`
}

// A Query says which items of a listing are wanted.
type Query struct {
	ID    signed.ID `json:"id,omitzero"`     // this one alone
	Limit int       `json:"limit,omitempty"` // the newest so many; zero: 100
}

// An Item is what outbox and inbox show of a message alike.
type Item struct {
	ID           signed.ID   `json:"id"`
	State        State       `json:"state"`
	Type         string      `json:"type"`
	Urgency      string      `json:"urgency"`
	Message      signed.Hash `json:"message"` // hash of the signed text
	Conversation signed.ID   `json:"conversation"`
	InReplyTo    signed.Hash `json:"in_reply_to,omitzero"`
	Agreement    signed.Hash `json:"agreement"`
	Created      signed.Time `json:"created,omitzero"`
	Expires      signed.Time `json:"expires,omitzero"`
	Accepted     signed.Time `json:"accepted,omitzero"` // logged times
	Consigned    signed.Time `json:"consigned,omitzero"`
	Ended        signed.Time `json:"ended,omitzero"`
	Deadline     *Deadline   `json:"deadline,omitempty"`
	Open         bool        `json:"open,omitempty"` // what it asks for is not settled
	Problem      *Problem    `json:"problem,omitempty"`
	Waits        string      `json:"waits,omitempty"`  // what else it waits for
	Hidden       bool        `json:"hidden,omitempty"` // this desk erased it before it was put back from a backup: a person decides
	Says         State       `json:"says,omitempty"`   // what this desk signed of it and the log has not proven yet
	Since        signed.Time `json:"since,omitzero"`   // when it signed that, by its own clock
	Owed         *Owed       `json:"owed,omitempty"`   // of a sent one: what another has owed for too long
	Summary      *Summary    `json:"summary,omitempty"`
}

// A Step is what is owed next of a message that a desk sent.
type Step string

const (
	Acceptance  Step = "acceptance"  // of a queued one, by the broker
	Consignment Step = "consignment" // of an accepted one, by its recipient; or the broker keeps it back
	Handover    Step = "handover"    // of a consigned one, by its recipient: that it is handed over, or refused
	End         Step = "end"         // of one that is long past its expiry, or its lapse, by the broker
)

// A Hindrance is why a desk itself does not get a message accepted.
type Hindrance string

const (
	Unreachable Hindrance = "unreachable" // the broker does not answer, as far as the desk can verify
	Locked      Hindrance = "locked"      // it is to be sealed anew, and the ring is locked
	Damaged     Hindrance = "damaged"     // the desk can't read what it has of it
	DiskFull    Hindrance = "disk-full"   // the desk sends nothing before it has room
)

// An Owed is the next step of a message that has not come in time.
type Owed struct {
	Step     Step           `json:"step"`
	By       signed.Address `json:"by,omitempty"`       // the recipient; "" the broker
	Since    signed.Time    `json:"since"`              // since when it is owed
	Hindered Hindrance      `json:"hindered,omitempty"` // then it is not owed: this desk itself has the reason
}

// An Overdue is how many messages wait for the same step for too long.
type Overdue struct {
	Step     Step        `json:"step"`
	Urgent   bool        `json:"urgent,omitempty"`
	Messages int         `json:"messages"`
	Since    signed.Time `json:"since,omitzero"` // since when the oldest stands where it stands
}

// An OutboxItem is a message that this desk sends.
type OutboxItem struct {
	To   signed.Address `json:"to"`
	Name string         `json:"name"` // of the sending
	Item
	Copy   bool        `json:"copy,omitempty"`   // it is a copy of the other messages of its sending
	Copies []signed.ID `json:"copies,omitempty"` // of this message: withdrawing it withdraws none of them
}

// An InboxItem is a message that this desk received.
type InboxItem struct {
	From signed.Address `json:"from"`
	Item
}

// A Summary is what only an unlocked desk shows.
type Summary struct {
	Subject       string `json:"subject"`
	OurReference  string `json:"our_reference"` // the writer's
	YourReference string `json:"your_reference,omitempty"`
	Language      string `json:"language"`
}

// A Deadline is where the legal clock of a request stands. All its times are the
// broker's logged times.
type Deadline struct {
	Class      string        `json:"class"`  // "8h", "3d", "7d"
	Source     string        `json:"source"` // its article
	Due        signed.Time   `json:"due"`
	Remaining  Duration      `json:"remaining,omitempty"` // below zero once overdue
	Warning    float64       `json:"warning,omitempty"`   // the highest of the desk's fractions of the term that has passed
	Access     schema.Access `json:"access,omitempty"`    // as the receiving desk declared
	Alone      bool          `json:"alone,omitempty"`     // that declaration counts at this desk alone: its agreement lets none be sent
	Paused     bool          `json:"paused,omitempty"`    // a clarification is out
	Overdue    bool          `json:"overdue,omitempty"`
	AtEnd      string        `json:"at_end,omitempty"`     // "stop": what was begun must stop when the term ends
	Extended   signed.Time   `json:"extended,omitzero"`    // until when, by the receiving desk's word that counts
	ExtendedBy signed.Hash   `json:"extended_by,omitzero"` // the text that says so, and why
	Then       *Deadline     `json:"then,omitempty"`       // the term that follows, once this one has ended
	Dropped    signed.Time   `json:"dropped,omitzero"`     // when who asked closed the conversation: the clock stopped
	Answered   signed.Time   `json:"answered,omitzero"`
	OnTime     bool          `json:"on_time,omitempty"` // of an answered one
}

// A Turn says who has to act in a conversation.
type Turn string

const (
	Ours   Turn = "ours"
	Theirs Turn = "theirs"
	Both   Turn = "both"
	Nobody Turn = "nobody"
)

// And is whose turn it is when also a message waits that this desk received, or sent.
func (t Turn) And(received bool) Turn {
	mine := Theirs
	if received {
		mine = Ours
	}
	if t == Nobody || t == mine {
		return mine
	}
	return Both
}

// A Conversation is how one stands between this desk and another: what is open in it,
// and whose turn it is, by the log's proven events.
type Conversation struct {
	Conversation signed.ID      `json:"conversation"`
	With         signed.Address `json:"with"`
	Turn         Turn           `json:"turn"`
	Open         []OpenMessage  `json:"open"`
	Closed       signed.Time    `json:"closed,omitzero"` // since when; nothing more is sent in it but what the law asks for
	Newest       Newest         `json:"newest"`
}

// An OpenMessage is one that asks for something, and nobody has settled that.
type OpenMessage struct {
	From     signed.Address `json:"from"`
	ID       signed.ID      `json:"id"`
	Message  signed.Hash    `json:"message"`
	Type     string         `json:"type"`
	Since    signed.Time    `json:"since"` // when its recipient had it
	Deadline *Deadline      `json:"deadline,omitempty"`
}

// A Newest is the newest message of a conversation.
type Newest struct {
	From  signed.Address `json:"from"`
	ID    signed.ID      `json:"id"`
	Type  string         `json:"type"`
	State State          `json:"state"`
}

// A Duty is what this desk owes each year under an agreement, and has not sent yet.
type Duty struct {
	Type     string   `json:"type"`
	Deadline Deadline `json:"deadline"`
}

// A Message is one that was opened, as an officer reads it. Its body is what was
// sealed, through the socket without the white space between its parts.
type Message struct {
	From        signed.Address  `json:"from"`
	To          signed.Address  `json:"to"`
	Received    bool            `json:"received"`  // else this desk sent it
	Title       string          `json:"title"`     // of its type
	TypeHash    signed.Hash     `json:"type_hash"` // of its type's file, as the header has it
	Body        json.RawMessage `json:"body"`
	Attachments []Attachment    `json:"attachments,omitempty"`
	Replies     []string        `json:"replies,omitempty"` // types and outcomes that may answer it or, of a sent one, follow it
	SeenBefore  []SeenBefore    `json:"seen_before,omitempty"`
	Item
}

// SeenBefore says that somebody or something of a message is in another conversation of
// this desk, too.
type SeenBefore struct {
	Path         string      `json:"path"`    // JSON pointer to it in the body
	Kind         string      `json:"kind"`    // NOMINAL, VEHICLE, DOCUMENT, …
	Certain      bool        `json:"certain"` // else it is only near: look
	Message      Ref         `json:"message"` // the other message
	Conversation signed.ID   `json:"conversation"`
	Accepted     signed.Time `json:"accepted,omitzero"`
	Subject      string      `json:"subject"` // the other message's subject line
}

// A Type is a message type of the exchange's catalogue.
type Type struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Hash    signed.Hash `json:"hash"` // of its file
}

// A Match is what a desk found for a query that a machine answered. The references are of
// rows of its own data, and leave the desk with no message.
type Match struct {
	Reference  string   `json:"reference"` // that the answer gave
	Query      Ref      `json:"query"`
	Dataset    string   `json:"dataset"`
	Outcome    string   `json:"outcome"`
	Candidates int      `json:"candidates"`
	Incomplete bool     `json:"incomplete,omitempty"` // there may be more
	References []string `json:"references"`
}

// A Watch is what Wait waits for: a change of the desk, or the end of one message.
type Watch struct {
	After int64     `json:"after,omitempty"` // the changes that the caller has seen; zero: none, and Wait returns at once
	Sent  signed.ID `json:"sent,omitzero"`   // a message that the desk sent: its end is waited for, and no change
}

// Seen is what a Wait saw.
type Seen struct {
	Changes int64       `json:"changes"`        // of any message, ring or proof so far: the next Watch's After
	Sent    *OutboxItem `json:"sent,omitempty"` // the message that was watched, as it stands, without its summary
}

// A Verification is what this desk proves again from its own files, without
// asking anyone.
type Verification struct {
	Exchange string      `json:"exchange"` // its name
	Hash     signed.Hash `json:"hash"`     // of the federation file: the exchange's fingerprint
	Audit    Head        `json:"audit"`
	Register Head        `json:"register"`
	Entries  int64       `json:"entries"` // of the register, replayed
	Messages int         `json:"messages"`
	Envelope []byte      `json:"envelope,omitempty"` // of the one message that was asked for; none once it was erased
	Facts    []Fact      `json:"facts,omitempty"`    // of the same
	Proven   int         `json:"proven"`             // facts whose proofs and signatures are valid
	Lines    int64       `json:"lines,omitempty"`    // of the desk's own log, each in its chain; 0 for one message
	Faults   []Fault     `json:"faults,omitempty"`
	Evidence []Evidence  `json:"evidence,omitempty"`
	Breaches []Breaches  `json:"breaches,omitempty"` // how much of each code was seen, and how much of it is kept
}

// Damages are how many findings a desk made in its own database of what its disk damaged.
type Damages struct {
	Mended int `json:"mended,omitempty"` // it is again as it was written, or as the log says
	Lost   int `json:"lost,omitempty"`   // it is not; Verify names each
}

// A Head of a log, with when this desk verified it.
type Head struct {
	Origin   string      `json:"origin"`
	Size     int64       `json:"size"`
	Root     signed.Hash `json:"root"`
	Verified signed.Time `json:"verified,omitzero"`
}

// A Fact is one thing that the audit log proves of a message.
type Fact struct {
	Event    string       `json:"event"`
	Time     signed.Time  `json:"time"`
	Index    int64        `json:"index"`
	Register int64        `json:"register"`
	Code     problem.Code `json:"code,omitempty"`
	Note     []byte       `json:"note,omitempty"` // the signed note that it binds
	Proof    []byte       `json:"proof"`
}

// A Fault is something this desk has that does not prove what it should.
type Fault struct {
	Subject string  `json:"subject"`
	Problem Problem `json:"problem"`
}

// Evidence is what this desk has against the broker.
type Evidence struct {
	Seen     signed.Time       `json:"seen"`
	Signed   bool              `json:"signed,omitempty"` // the log's own signature binds together what it shows
	Subject  string            `json:"subject"`
	Problem  Problem           `json:"problem"`
	Exhibits map[string][]byte `json:"exhibits"`
}

// A LogEntry is a line of the desk's own log: what it did, what it stopped, who
// was consulted. It names messages and codes, and nothing of their content.
type LogEntry struct {
	Time    signed.Time  `json:"time"`
	Event   string       `json:"event"`
	Subject string       `json:"subject"`
	Code    problem.Code `json:"code,omitempty"`
	Detail  string       `json:"detail,omitempty"`
}

// A Problem is a refusal for the screen: code, what went wrong, the rule, and
// what to do next.
type Problem = problem.Details

// A Duration is written in words in JSON: "90s", "2h", "168h0m0s".
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(words []byte) error {
	v, err := time.ParseDuration(string(words))
	*d = Duration(v)
	return err
}
