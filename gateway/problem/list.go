package problem

import "time"

// The closed list. A code is never renamed or reused, only added.
const (
	// Form.
	TextMalformed    Code = "TEXT_MALFORMED"
	Oversize         Code = "OVERSIZE"
	SealedMismatch   Code = "SEALED_MISMATCH"
	WrongExchange    Code = "WRONG_EXCHANGE"
	DatesInvalid     Code = "DATES_INVALID"
	NotYet           Code = "NOT_YET"
	Expired          Code = "EXPIRED"
	PartsUnsupported Code = "PARTS_UNSUPPORTED"

	// Identity.
	CertificateRefused Code = "CERTIFICATE_REFUSED"
	CertificateWrong   Code = "CERTIFICATE_WRONG"
	DeskBarred         Code = "DESK_BARRED"
	UnknownDesk        Code = "UNKNOWN_DESK"
	KeyRevoked         Code = "KEY_REVOKED"
	DeskEnded          Code = "DESK_ENDED"
	SignatureMissing   Code = "SIGNATURE_MISSING"
	SignatureExtra     Code = "SIGNATURE_EXTRA"
	SignatureInvalid   Code = "SIGNATURE_INVALID"

	// Law.
	NoAgreement           Code = "NO_AGREEMENT"
	TypeUnknown           Code = "TYPE_UNKNOWN"
	TypeNotPermitted      Code = "TYPE_NOT_PERMITTED"
	ClassificationTooHigh Code = "CLASSIFICATION_TOO_HIGH"
	OnBehalfUnaccredited  Code = "ON_BEHALF_UNACCREDITED"
	PurposeNotPermitted   Code = "PURPOSE_NOT_PERMITTED"
	ReplyNotAllowed       Code = "REPLY_NOT_ALLOWED"

	// Freshness.
	RegisterMoved   Code = "REGISTER_MOVED"
	TypeOutdated    Code = "TYPE_OUTDATED"
	HeadAhead       Code = "HEAD_AHEAD"
	HeadContradicts Code = "HEAD_CONTRADICTS"

	// Identity of messages, and their ends.
	IDReused         Code = "ID_REUSED"
	UnknownMessage   Code = "UNKNOWN_MESSAGE"
	AlreadyConsigned Code = "ALREADY_CONSIGNED"
	AlreadyEnded     Code = "ALREADY_ENDED"

	// What only a desk sees.
	SealInvalid        Code = "SEAL_INVALID"
	SealUnreadable     Code = "SEAL_UNREADABLE"
	FrameInvalid       Code = "FRAME_INVALID"
	FrameMismatch      Code = "FRAME_MISMATCH"
	CommitmentMismatch Code = "COMMITMENT_MISMATCH"
	BodyMalformed      Code = "BODY_MALFORMED"
	BodyInvalid        Code = "BODY_INVALID"
	DeskLocked         Code = "DESK_LOCKED"
	ErasuresUnread     Code = "ERASURES_UNREAD"
	DiskFull           Code = "DISK_FULL"
	NotStored          Code = "NOT_STORED"
	DeskDamaged        Code = "DESK_DAMAGED"
	StoredUnknown      Code = "STORED_UNKNOWN"
	Repeated           Code = "REPEATED"
	LocalFault         Code = "LOCAL_FAULT"

	// Breaches of a broker, of which a desk or an auditor keeps the evidence.
	ProofMissing    Code = "PROOF_MISSING"
	ProofInvalid    Code = "PROOF_INVALID"
	LogContradicts  Code = "LOG_CONTRADICTS"
	RegisterTooOld  Code = "REGISTER_TOO_OLD"
	StatementForged Code = "STATEMENT_FORGED"
	SecondText      Code = "SECOND_TEXT"
	RingElsewhere   Code = "RING_ELSEWHERE"

	// The register.
	EntryInvalid    Code = "ENTRY_INVALID"
	EntryOutOfOrder Code = "ENTRY_OUT_OF_ORDER"
	KeyReused       Code = "KEY_REUSED"
	NotEntitled     Code = "NOT_ENTITLED"
	BundleInvalid   Code = "BUNDLE_INVALID"
	BundleMissing   Code = "BUNDLE_MISSING"

	// The broker's state.
	BudgetExhausted Code = "BUDGET_EXHAUSTED"
	QuotaExhausted  Code = "QUOTA_EXHAUSTED"
	RecipientBehind Code = "RECIPIENT_BEHIND"
	StoreFull       Code = "STORE_FULL"
	BrokerStopped   Code = "BROKER_STOPPED"
	BrokerBusy      Code = "BROKER_BUSY"
	PollYielded     Code = "POLL_YIELDED"
	NotFound        Code = "NOT_FOUND"
	Internal        Code = "INTERNAL"
)

// The columns: code, class, HTTP status, pause, what it speaks of, rule, next step.
var list = []Entry{
	{TextMalformed, Final, 400, 0, Item, "signed text is canonical: known lines in their order, each once, printable ASCII, nothing after", "have the sending program mended; it did not follow the form"},
	{Oversize, Final, 413, 0, Item, "each form stays within its bound", "send less, or fewer attachments"},
	{SealedMismatch, Final, 400, 0, Item, "length and hash of the sealed part are those that the header signs", "send the message anew"},
	{WrongExchange, Final, 400, 0, Item, "a text belongs to the exchange that it names, and to no other", "check which exchange this desk was set up for"},
	{DatesInvalid, Final, 400, 0, Item, "expires is after created and at most 30 days later", "choose an expiry within 30 days, and send the message anew"},
	{NotYet, Retry, 425, 0, Item, "created is not in the future, and the agreement has begun", "nothing: the desk tries again; where its clock is fast, put that right, and it seals anew"},
	{Expired, Final, 410, 0, Item, "a message is accepted before it expires", "send it anew with a later expiry, if it is still needed"},
	{PartsUnsupported, Final, 400, 0, Item, "files beside the envelope are not carried by this version", "attach the file inside the message, or wait for a later version"},

	{CertificateRefused, Final, 401, 0, Connection, "the register names the key of the connection's certificate for a desk", "have the party enter the desk's request card, or wait until its entry is in the register"},
	{CertificateWrong, Final, 403, 0, Connection, "a desk submits only what it signed itself: the certificate's desk is the signer", "connect with the certificate of the desk that signed"},
	{DeskBarred, Final, 403, 0, Connection, "the desk's online ring is not revoked", "call the party's authority: the desk needs new keys"},
	{UnknownDesk, Final, 404, 0, Item, "sender and recipient are desks in the register", "check the address; list the desks known to this exchange"},
	{KeyRevoked, Final, 403, 0, Item, "the signing ring is not revoked", "call the party's authority: the desk needs new keys"},
	{DeskEnded, Final, 403, 0, Item, "the entry of neither desk names an end that has come", "ask the desk's party: the desk needs a new entry, or another one has its work"},
	{SignatureMissing, Final, 403, 0, Item, "each key that the signer has for this use signs exactly once", "have the sending program mended; a signature is missing"},
	{SignatureExtra, Final, 403, 0, Item, "no key signs besides those that the signer has for this use, in register order", "have the sending program mended; a signature is too many or out of order"},
	{SignatureInvalid, Final, 403, 0, Item, "each signature verifies over the text as it stands", "the text was altered or signed with another key; send the message anew"},

	{NoAgreement, Final, 422, 0, Item, "an agreement between both parties is in force and the header names it", "ask which agreement covers this; without one nothing passes"},
	{TypeUnknown, Final, 422, 0, Item, "the message type is in the exchange's catalogue", "check the type's name and version"},
	{TypeNotPermitted, Final, 422, 0, Item, "the agreement permits this message type", "choose another agreement or another type"},
	{ClassificationTooHigh, Final, 422, 0, Item, "the classification is at most the agreement's ceiling", "lower the content's classification with its owner, or use an accredited channel"},
	{OnBehalfUnaccredited, Final, 422, 0, Item, "acting on behalf of another needs an accreditation in the register", "send in the desk's own name"},
	{PurposeNotPermitted, Final, 422, 0, Item, "the agreement permits the stated purpose", "check the purpose, or choose another agreement"},
	{ReplyNotAllowed, Final, 422, 0, Item, "a message names one of this conversation that its type may answer or follow, and that is not settled", "choose a type that the named message's type allows, or begin a new conversation"},

	{RegisterMoved, Reseal, 409, 0, Item, "keys named by a text are those in force when it is ordered", "nothing: the desk seals or signs anew by itself"},
	{TypeOutdated, Reseal, 409, 0, Item, "the catalogue in force names this version of the type with this hash", "update the desk's catalogue, then it seals anew"},
	{HeadAhead, Retry, 409, 0, Broker, "the log reaches every head that a desk has verified", "the broker may have lost its newest entries; its operator is alarmed"},
	{HeadContradicts, Retry, 409, 0, Broker, "every head that a desk has verified is a prefix of the log", "keep the desk's files: they prove that the log was altered; call the operator and the auditors"},

	{IDReused, Final, 409, 0, Item, "an id stands for one text", "nothing, if the hash shown is the desk's own earlier attempt; else the id was used twice"},
	{UnknownMessage, Final, 404, 0, Item, "a statement speaks of a message that this desk sent or received", "check the id"},
	{AlreadyConsigned, Final, 409, 0, Item, "a message is consigned once, and withdrawn only before that", "ask the receiving desk to set it aside"},
	{AlreadyEnded, Final, 409, 0, Item, "a message has exactly one end", "see the end that stands"},

	{SealInvalid, Final, 422, 0, Item, "a message is sealed to exactly one desk by one hybrid stanza", "have the sending program mended"},
	{SealUnreadable, Final, 422, 0, Item, "the sealed part opens with the key that the header names", "send the message anew; the seal was broken or made for another desk"},
	{FrameInvalid, Final, 422, 0, Item, "what is sealed is a frame in the form of SPEC §6", "have the sending program mended"},
	{FrameMismatch, Final, 422, 0, Item, "the frame was sealed for this very header", "the sealed part was taken from another message; call the sender"},
	{CommitmentMismatch, Final, 422, 0, Item, "body and statistics match the header's commitments", "have the sending program mended"},
	{BodyMalformed, Final, 422, 0, Item, "a body is strict JSON: no repeated names, no deep nesting, no endless numbers", "have the sending program mended"},
	{BodyInvalid, Final, 422, 0, Item, "a body follows the schema of its type", "mend the field that is named, then send"},
	{DeskLocked, Retry, 503, 30 * time.Second, Call, "sending, opening and answering need the unlocked ring", "unlock the desk, then repeat the command"},
	{ErasuresUnread, Retry, 503, 5 * time.Second, Call, "a desk shows no content before it has read in the log what it erased", "wait until the broker answers; where somebody must read before that, run samband-desk erased --show-anyway with the reason"},
	{DiskFull, Retry, 503, 30 * time.Second, Call, "a desk takes in and sends while its disk has room; reading, erasing, locking and unlocking work without", "nothing was stored: make room on the desk's disk, or erase messages, then repeat the command"},
	{NotStored, Retry, 503, 30 * time.Second, Call, "what a command writes is stored whole or not at all", "nothing was stored, and nothing is tried again by itself: mend what is named, then repeat the command"},
	{DeskDamaged, Retry, 500, 0, Call, "what a desk keeps is as it was written", "it is this desk's own disk, and nobody else's fault: samband-desk verify lists what is lost; look after the disk, and put back what a backup has"},
	{StoredUnknown, Retry, 503, 30 * time.Second, Call, "after a write that the disk did not confirm nobody knows what was stored", "look whether it is there, as with samband-desk outbox; repeat the command only if it is not"},
	{Repeated, Final, 409, 0, Item, "what this desk has just sent is sent once more only on purpose", "see samband-desk outbox; to send it once more, repeat the command with --again"},
	{LocalFault, Retry, 500, 0, Call, "the program that serves the folder has no fault", "nothing is tried again by itself: mend what is named, then repeat the command; the program's log has the fault too"},

	{ProofMissing, Retry, 502, 0, BrokerBreach, "no message is consigned without the proof of its acceptance", "call the broker's operator; nothing was taken in"},
	{ProofInvalid, Retry, 502, 0, BrokerBreach, "a proof belongs to this very text and to the exchange's log", "keep the desk's files and call the operator and the auditors"},
	{LogContradicts, Retry, 502, 0, BrokerBreach, "each checkpoint extends the one before", "keep the desk's files: they prove that the log was altered; call the auditors"},
	{RegisterTooOld, Retry, 502, 0, BrokerBreach, "no decision rests on an older register than the sender or this desk had seen", "keep the desk's files and call the auditors"},
	{StatementForged, Retry, 502, 0, BrokerBreach, "an end is believed only with the other desk's own signature", "keep the desk's files and call the auditors"},
	{SecondText, Retry, 502, 0, BrokerBreach, "a message id is delivered with one text", "keep the desk's files: both texts are evidence; call the auditors"},
	{RingElsewhere, Retry, 502, 0, BrokerBreach, "a desk alone says what its keys say", "call the party's authority and have the ring revoked: somebody else uses it, or a copy of this desk runs"},

	{EntryInvalid, Final, 422, 0, Item, "a register entry is complete, signed as its kind asks, and about things that exist", "make the entry anew with the exchange's present register"},
	{EntryOutOfOrder, Final, 409, 0, Item, "an entry names the hash of its signer's entry before it", "make the entry anew with the exchange's present register"},
	{KeyReused, Final, 409, 0, Item, "a key enters the register once", "make a new key"},
	{NotEntitled, Final, 403, 0, Item, "an entry is signed by the one whom its subject belongs to", "have the entitled party sign it"},
	{BundleInvalid, Final, 422, 0, Item, "a catalogue bundle is a zip of a catalogue's files alone, whose hash is the one that is named", "have the bundle written anew: samband-party bundle"},
	{BundleMissing, Retry, 503, time.Minute, Call, "the broker has every catalogue bundle that the register names", "nothing: the desk tries again; the operator gives the broker the file: samband-broker catalogue"},

	{BudgetExhausted, Retry, 429, time.Minute, Call, "a desk stays within its budget of refused submissions", "wait a minute; find out why the desk is refused so often"},
	{QuotaExhausted, Retry, 429, time.Minute, Call, "a desk, and its party with all its desks, stay within their quotas of what becomes durable", "nothing, if much was to be sent: the rest goes as room comes back; else find out what sends so much"},
	{RecipientBehind, Retry, 429, time.Minute, Call, "of one sender so many messages and bytes wait at one recipient, unconsigned", "nothing: it goes once the recipient has taken earlier ones; call it if that lasts"},
	{StoreFull, Retry, 503, 30 * time.Second, Broker, "the broker accepts while its store has room; ends pass until its reserve is used up", "nothing: the desk tries again; the operator is alarmed"},
	{BrokerStopped, Retry, 503, time.Minute, Broker, "the broker accepts only while its log is complete", "nothing: the desk tries again; the operator must act"},
	{BrokerBusy, Retry, 503, time.Second, Call, "the broker takes on no more than it can answer in time", "nothing: the desk tries again"},
	{PollYielded, Retry, 409, 2 * time.Second, Call, "of a desk's polls at one feed the newest waits", "nothing, if it came once: the desk asks again; if it comes again and again, another program uses this desk's online ring: see its status"},
	{NotFound, Final, 404, 0, Connection, "only what the HTTP contract names is here", "check the path and the method"},
	{Internal, Retry, 500, 0, Call, "the program has no fault", "nothing: the desk tries again; the operator finds the fault in the log"},
}

var byCode = func() map[Code]Entry {
	m := make(map[Code]Entry, len(list))
	for _, e := range list {
		if _, twice := m[e.Code]; twice {
			panic("problem: code listed twice: " + string(e.Code))
		}
		m[e.Code] = e
	}
	return m
}()
