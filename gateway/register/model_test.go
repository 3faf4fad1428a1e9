package register

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strings"
)

// The model is a second program for SPEC §1 to §3 and §10.1 to §10.3, written from these
// sections alone: it uses nothing of this package, and of package signed nothing but the
// check of one key and one signature. It judges a note: "" says that it is entered, else
// the code of its refusal. It is slow and plain on purpose; TestModel compares the two.

type modelRegister struct {
	exchange  string // hashes are in base64 throughout
	threshold int
	founders  map[string][]modelKey // by "se/root"
	last      map[string]string     // hash of the last text of each chain; the root's is ""
	texts     map[string]bool
	stood     map[string]bool // signing keys, each by its bytes and by its name and key hash
	tls       map[string]bool
	openings  map[string]bool // address and key

	parties    map[string]*modelParty
	desks      map[string]*modelDesk
	agreements map[string]*modelAgreement
	callers    map[string]string // TLS key to address
	broker     int64
	brokerTLS  [2]string
	catalogue  string
}

type modelParty struct {
	inForce bool
	title   string
	keys    []modelKey
}

type modelDesk struct {
	entry   *modelEntry
	revoked map[string]bool // by ring
}

type modelAgreement struct {
	parties []string
	bound   map[string]bool
}

// clone lets sequences of entries go on from one beginning.
func (m *modelRegister) clone() *modelRegister {
	c := *m
	c.last, c.texts, c.stood, c.tls = maps.Clone(m.last), maps.Clone(m.texts), maps.Clone(m.stood), maps.Clone(m.tls)
	c.openings, c.callers = maps.Clone(m.openings), maps.Clone(m.callers)
	c.parties, c.desks, c.agreements = map[string]*modelParty{}, map[string]*modelDesk{}, map[string]*modelAgreement{}
	for name, p := range m.parties {
		p := *p
		c.parties[name] = &p
	}
	for addr, d := range m.desks {
		c.desks[addr] = &modelDesk{d.entry, maps.Clone(d.revoked)}
	}
	for hash, a := range m.agreements {
		c.agreements[hash] = &modelAgreement{a.parties, maps.Clone(a.bound)}
	}
	return &c
}

// Entries (SPEC §10.2).

type modelEntry struct {
	text, kind, exchange, previous string
	signers                        []string

	subject   string // party or address
	title     string
	keys      []modelKey
	bundle    string
	number    int64
	tls       [2]string
	request   *modelRequest
	raw       string // the request's note
	directory string
	until     string
	parties   []string
	from      string
	agreement string
	rings     []string // "online <hash>"
}

type modelRequest struct {
	note                 modelNote
	exchange, address    string
	message, consignment []modelKey
	der, tls, opening    string
	proven, proof        string
}

var (
	modelFunctions = []string{"spoc", "ncb", "sirene", "enu", "liaison", "mission", "organisation"}
	modelKinds     = map[string]string{ // who signs
		"party": "root", "catalogue": "root", "clock": "root", "broker": "root",
		"desk": "party", "agreement": "party", "accede": "party", "revoke": "either",
	}
)

func modelParse(text string) (e *modelEntry, code string) {
	l := &modelLines{rest: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	e = &modelEntry{text: text}
	form := l.rest[0]
	l.rest = l.rest[1:]
	if form == "samband/federation/v1" {
		return nil, "ENTRY_INVALID"
	}
	e.kind = strings.TrimSuffix(strings.TrimPrefix(form, "samband/"), "/v1")
	if modelKinds[e.kind] == "" || form != "samband/"+e.kind+"/v1" {
		return nil, "TEXT_MALFORMED"
	}
	e.exchange = l.one("exchange", func(s string) bool { return modelHash(s) && s != modelZero })
	e.previous = l.one("previous", func(s string) bool { return s == "-" || modelHash(s) && s != modelZero })
	e.signers = l.ascending(l.each(l.many("signer", 1, 9), modelSigner))
	switch e.kind {
	case "party":
		e.subject = l.one("party", modelName)
		e.title = l.quoted("title")
		e.keys = []modelKey{l.key("key", e.subject, "ed25519"), l.key("key", e.subject, "ml-dsa-65")}
	case "catalogue":
		e.bundle = l.one("bundle", func(s string) bool {
			hash, ok := strings.CutPrefix(s, "h1:")
			return ok && modelHash(hash) && hash != modelZero
		})
		var names []string
		types := l.many("type", 1, 512)
		for _, t := range types {
			v := strings.Split(t, " ")
			if len(v) != 3 || !modelWord(v[0]) || !modelWord(v[1]) || !modelHash(v[2]) {
				l.fail("TEXT_MALFORMED")
				break
			}
			names = append(names, v[0]+" "+v[1])
		}
		l.once(names)
		e.bundle += fmt.Sprintf(" %q", types)
	case "clock":
		l.one("audit", modelIsNumber)
		l.one("time", modelTime)
	case "broker":
		e.number, _ = modelNumber(l.one("number", modelIsNumber))
		v := l.each(l.values("broker-tls", 2), modelHash)
		e.tls = [2]string{v[0], v[1]}
	case "desk":
		l.desk(e)
	case "agreement":
		l.agreement(e)
	case "accede":
		e.agreement = l.one("agreement", modelHash)
	case "revoke":
		if e.previous == "-" {
			l.one("nonce", modelID)
		}
		e.subject = l.one("subject", func(s string) bool { return modelAddress(s) || modelName(s) })
		e.rings = l.ascending(l.many("ring", 1, 2))
		var words []string
		for _, r := range e.rings {
			word, hash, _ := strings.Cut(r, " ")
			l.want(modelHash(hash))
			l.want(modelName(e.subject) && word == "authority" || modelAddress(e.subject) && (word == "locked" || word == "online"))
			words = append(words, word)
		}
		l.once(words)
		if l.ahead("suspected-since") {
			l.one("suspected-since", modelTime)
		}
	}
	if len(l.rest) > 0 {
		l.fail("TEXT_MALFORMED")
	}
	if e.kind == "desk" && l.code == "" {
		if e.request, l.code = modelReadRequest(e.raw); l.code == "" {
			e.subject = e.request.address
		}
	}
	return e, l.code
}

func modelIsNumber(s string) bool {
	_, ok := modelNumber(s)
	return ok
}

func (l *modelLines) desk(e *modelEntry) {
	e.title = l.quoted("title")
	functions := l.once(l.each(l.many("function", 1, 7), func(s string) bool { return slices.Contains(modelFunctions, s) }))
	languages := l.once(l.each(l.many("language", 1, 32), modelTag))
	hours, telephone := l.quoted("hours"), l.quoted("telephone")
	if l.ahead("until") {
		e.until = l.one("until", modelTime)
	}
	e.directory = fmt.Sprint(functions, languages, hours, telephone, e.until)
	raw, ok := modelBase64(l.one("request", func(string) bool { return true }))
	l.want(ok && len(raw) <= 12000)
	e.raw = raw
}

func (l *modelLines) agreement(e *modelEntry) {
	e.title = l.quoted("title")
	e.parties = l.ascending(l.each(l.many("party", 1, 256), modelName))
	types := l.ascending(l.each(l.many("type", 1, 512), modelWord))
	var copies []string
	for _, c := range l.ascending(l.many("copy", 0, 8)) {
		v := strings.Split(c, " ")
		if len(v) < 3 || !modelAddress(v[0]) || !modelWord(v[1]) || len(v) > 514 {
			l.fail("TEXT_MALFORMED")
			return
		}
		copies = append(copies, v[0]+" "+v[1])
		l.ascending(l.each(v[2:], func(s string) bool { return modelWord(s) && slices.Contains(types, s) }))
	}
	l.once(copies)
	l.ascending(l.each(l.many("purpose", 1, 64), modelWord))
	l.one("ceiling", func(s string) bool { return s == "unclassified" || s == "bpl" })
	e.from, e.until = l.one("from", modelTime), l.one("until", modelTime)
}

// PKIX DER of a P-256 key up to its point, which is not compressed.
const modelP256 = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"

// modelReadRequest reads a request (SPEC §10.7).
func modelReadRequest(b string) (r *modelRequest, code string) {
	r = &modelRequest{}
	if r.note, code = modelReadNote(b); code != "" {
		return nil, code
	}
	l := &modelLines{rest: strings.Split(strings.TrimSuffix(r.note.text, "\n"), "\n")}
	l.want(l.rest[0] == "samband/request/v1")
	l.rest = l.rest[1:]
	r.exchange = l.one("exchange", func(s string) bool { return modelHash(s) && s != modelZero })
	r.address = l.one("desk", modelAddress)
	l.one("zone", modelZone)
	r.message = []modelKey{l.key("key", r.address, "message", "ed25519"), l.key("key", r.address, "message", "ml-dsa-65")}
	r.consignment = []modelKey{l.key("key", r.address, "consignment", "ed25519")}
	r.der, _ = modelBase64(l.one("tls", func(s string) bool {
		der, ok := modelBase64(s)
		point, p256 := strings.CutPrefix(der, modelP256)
		_, err := ecdh.P256().NewPublicKey([]byte(point))
		return ok && p256 && err == nil
	}))
	r.tls = modelHashOf(r.der)
	r.opening = l.one("opening", func(s string) bool { return len(s) <= 4096 })
	last := int64(0)
	for v := range strings.SplitSeq(l.line("versions"), " ") {
		n, ok := modelNumber(v)
		l.want(ok && n > last && n <= 99)
		last = n
	}
	r.proof, _ = modelBase64(l.one("tls-proof", func(s string) bool {
		proof, ok := modelBase64(s)
		return ok && len(proof) <= 64
	}))
	if len(l.rest) > 0 {
		l.fail("TEXT_MALFORMED")
	}
	if l.code != "" {
		return nil, l.code
	}
	r.proven = r.note.text[:strings.LastIndex(r.note.text, "tls-proof ")]
	return r, ""
}

func (r *modelRequest) verify() string {
	if code := modelVerify(r.note, slices.Concat(r.message, r.consignment)); code != "" {
		return code
	}
	known := modelHashOf("tls " + r.der + modelHashOf(r.proven) + r.proof)
	good, ok := modelKnown.signatures.Load(known)
	if !ok {
		good = r.proves()
		modelKnown.signatures.Store(known, good)
	}
	if !good.(bool) {
		return "SIGNATURE_INVALID"
	}
	return ""
}

func (r *modelRequest) proves() bool {
	if len(r.proof) != 64 {
		return false
	}
	integer := func(s string) *big.Int { return new(big.Int).SetBytes([]byte(s)) }
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), []byte(r.der[len(modelP256):]))
	if err != nil {
		return false
	}
	hash := sha256.Sum256([]byte(r.proven))
	return ecdsa.Verify(key, hash[:], integer(r.proof[:32]), integer(r.proof[32:]))
}

// modelRing is the hash of a ring (SPEC §10.2, revoke).
func modelRing(word, owner string, keys []modelKey) string {
	text := "samband/ring/v1\nring " + word + "\nowner " + owner + "\n"
	for _, k := range keys {
		text += "key " + k.algorithm + " " + k.key + "\n"
	}
	return word + " " + modelHashOf(text)
}

func (d *modelDesk) ring(word string) string {
	keys := d.entry.request.consignment
	if word == "locked" {
		keys = d.entry.request.message
	}
	return modelRing(word, d.entry.subject, keys)
}

// modelFound takes the federation file, which is a good one.
func modelFound(note string) *modelRegister {
	text, _, _ := strings.Cut(note, "\n\n")
	text += "\n"
	m := &modelRegister{
		exchange: modelHashOf(text), founders: map[string][]modelKey{}, last: map[string]string{"": modelHashOf(text)},
		texts: map[string]bool{modelHashOf(text): true}, stood: map[string]bool{}, tls: map[string]bool{}, openings: map[string]bool{},
		parties: map[string]*modelParty{}, desks: map[string]*modelDesk{}, agreements: map[string]*modelAgreement{},
		callers: map[string]string{},
	}
	var name string
	stands := func(owner, algorithm, key string) modelKey {
		k, _ := modelReadKey(owner, algorithm, key)
		for _, mark := range k.marks() {
			m.stood[mark] = true
		}
		return k
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch v := strings.Split(line, " "); v[0] {
		case "name":
			name = v[1]
		case "threshold":
			n, _ := modelNumber(v[1])
			m.threshold = int(n)
		case "root":
			m.founders[v[1]] = append(m.founders[v[1]], stands(v[1], v[2], v[3]))
		case "log":
			stands(v[2], v[3], v[4])
		case "operator":
			stands(name+"/operator", v[1], v[2])
		case "broker-tls":
			m.brokerTLS = [2]string{v[1], v[2]}
			m.tls[v[1]], m.tls[v[2]] = true, true
		}
	}
	return m
}

// judge is every check of SPEC §10.3, in its order. It changes nothing.
func (m *modelRegister) judge(note string) (e *modelEntry, code string) {
	if len(note) > 65535 {
		return nil, "OVERSIZE"
	}
	n, code := modelReadNote(note)
	if code != "" {
		return nil, code
	}
	e, keys, code := m.judgeText(n.text)
	if code != "" {
		return nil, code
	}
	if code := modelVerify(n, keys); code != "" {
		return nil, code
	}
	return e, m.judgeContent(e)
}

// judgeText is the checks before those of the signatures.
func (m *modelRegister) judgeText(text string) (e *modelEntry, keys []modelKey, code string) {
	if e, code = modelParse(text); code != "" {
		return nil, nil, code
	}
	if e.exchange != m.exchange {
		return nil, nil, "WRONG_EXCHANGE"
	}
	if m.texts[modelHashOf(text)] {
		return nil, nil, "ENTRY_OUT_OF_ORDER"
	}
	if keys, code = m.signers(e); code != "" {
		return nil, nil, code
	}
	if e.previous == "-" {
		if e.kind != "revoke" {
			return nil, nil, "ENTRY_OUT_OF_ORDER"
		}
	} else if e.previous != m.last[e.chain()] {
		return nil, nil, "ENTRY_OUT_OF_ORDER"
	}
	return e, keys, ""
}

// chain is the party whose chain the entry stands in; "" is the root's.
func (e *modelEntry) chain() string {
	for _, s := range e.signers {
		if strings.HasSuffix(s, "/root") {
			return ""
		}
	}
	return e.signers[0]
}

// signers are the keys that the entry must bear.
func (m *modelRegister) signers(e *modelEntry) (keys []modelKey, code string) {
	var founders, parties []string
	for _, s := range e.signers {
		if strings.HasSuffix(s, "/root") {
			if m.founders[s] == nil {
				return nil, "NOT_ENTITLED"
			}
			founders = append(founders, s)
			keys = append(keys, m.founders[s]...)
			continue
		}
		parties = append(parties, s)
		if p := m.parties[s]; p != nil {
			keys = append(keys, p.keys...)
		}
	}
	byRoot := len(founders) >= m.threshold && len(parties) == 0
	byParty := len(founders) == 0 && len(parties) == 1
	switch {
	case e.kind == "party":
		var want []string
		if p := m.parties[e.subject]; p != nil && p.inForce {
			want = []string{e.subject}
		}
		if len(founders) < m.threshold || !slices.Equal(parties, want) {
			return nil, "NOT_ENTITLED"
		}
		return keys, ""
	case byRoot && modelKinds[e.kind] != "party":
		return keys, ""
	case byParty && modelKinds[e.kind] != "root":
		switch p := m.parties[parties[0]]; {
		case p == nil:
			return nil, "NOT_ENTITLED"
		case !p.inForce:
			return nil, "KEY_REVOKED"
		}
		return keys, ""
	}
	return nil, "NOT_ENTITLED"
}

// judgeContent asks what an entry says.
func (m *modelRegister) judgeContent(e *modelEntry) string {
	switch e.kind {
	case "party":
		var own []modelKey
		if p := m.parties[e.subject]; p != nil && p.inForce {
			own = p.keys
		}
		if !m.fresh(e.keys, own) {
			return "KEY_REUSED"
		}
	case "broker":
		if e.number != m.broker+1 || e.tls[0] == e.tls[1] {
			return "ENTRY_INVALID"
		}
		for _, key := range e.tls {
			if m.tls[key] && key != m.brokerTLS[0] && key != m.brokerTLS[1] {
				return "KEY_REUSED"
			}
		}
	case "desk":
		return m.judgeDesk(e)
	case "agreement":
		if !slices.Contains(e.parties, e.signers[0]) {
			return "NOT_ENTITLED"
		}
		if len(e.parties) < 2 || e.until <= e.from {
			return "ENTRY_INVALID"
		}
		for _, name := range e.parties {
			if p := m.parties[name]; p == nil || !p.inForce {
				return "ENTRY_INVALID"
			}
		}
	case "accede":
		a := m.agreements[e.agreement]
		switch {
		case a == nil:
			return "ENTRY_INVALID"
		case !slices.Contains(a.parties, e.signers[0]):
			return "NOT_ENTITLED"
		case a.bound[e.signers[0]]:
			return "ENTRY_INVALID"
		}
	case "revoke":
		return m.judgeRevocation(e)
	}
	return ""
}

// fresh reports whether keys are new, each by itself, or stay where they are.
func (m *modelRegister) fresh(keys, own []modelKey) bool {
	here := map[string]bool{}
	for _, k := range keys {
		if slices.ContainsFunc(own, k.same) {
			continue
		}
		for _, mark := range k.marks() {
			if m.stood[mark] || here[mark] {
				return false
			}
		}
		for _, mark := range k.marks() {
			here[mark] = true
		}
	}
	return true
}

func (m *modelRegister) judgeDesk(e *modelEntry) string {
	r := e.request
	if r.exchange != m.exchange {
		return "WRONG_EXCHANGE"
	}
	if party, _, _ := strings.Cut(r.address, "."); party != e.signers[0] {
		return "NOT_ENTITLED"
	}
	if code := r.verify(); code != "" {
		return code
	}
	var message, consignment []modelKey
	var opening, tls string
	if d := m.desks[r.address]; d != nil {
		if !d.revoked["locked"] {
			message, opening = d.entry.request.message, d.entry.request.opening
		}
		if !d.revoked["online"] {
			consignment, tls = d.entry.request.consignment, d.entry.request.tls
		}
	}
	if !m.fresh(r.message, message) || !m.fresh(r.consignment, consignment) {
		return "KEY_REUSED"
	}
	if r.message[0].same(r.consignment[0]) {
		return "KEY_REUSED"
	}
	if r.opening != opening && m.openings[r.address+" "+r.opening] || r.tls != tls && m.tls[r.tls] {
		return "KEY_REUSED"
	}
	return ""
}

func (m *modelRegister) judgeRevocation(e *modelEntry) string {
	byRoot := e.chain() == ""
	if modelName(e.subject) {
		if !byRoot && e.subject != e.signers[0] {
			return "NOT_ENTITLED"
		}
		p := m.parties[e.subject]
		if p == nil || !p.inForce || e.rings[0] != modelRing("authority", e.subject, p.keys) {
			return "ENTRY_INVALID"
		}
		return ""
	}
	if party, _, _ := strings.Cut(e.subject, "."); byRoot || party != e.signers[0] {
		return "NOT_ENTITLED"
	}
	if len(m.ended(e)) == 0 {
		return "ENTRY_INVALID"
	}
	return ""
}

// ended are the rings of a desk that a revocation ends.
func (m *modelRegister) ended(e *modelEntry) (words []string) {
	d := m.desks[e.subject]
	if d == nil {
		return nil
	}
	for _, word := range []string{"locked", "online"} {
		if !d.revoked[word] && slices.Contains(e.rings, d.ring(word)) {
			words = append(words, word)
		}
	}
	return words
}

// enter judges a note, and where it is good, does what it says.
func (m *modelRegister) enter(note string) string {
	e, code := m.judge(note)
	if code != "" {
		return code
	}
	hash := modelHashOf(e.text)
	m.texts[hash] = true
	if e.previous != "-" {
		m.last[e.chain()] = hash
	}
	switch e.kind {
	case "party":
		m.parties[e.subject] = &modelParty{true, e.title, e.keys}
		m.last[e.subject] = hash
		m.stands(e.keys)
	case "catalogue":
		m.catalogue = e.bundle
	case "broker":
		m.broker, m.brokerTLS = e.number, e.tls
		m.tls[e.tls[0]], m.tls[e.tls[1]] = true, true
	case "desk":
		r := e.request
		if d := m.desks[r.address]; d != nil {
			delete(m.callers, d.entry.request.tls)
		}
		m.desks[r.address] = &modelDesk{e, map[string]bool{}}
		m.stands(slices.Concat(r.message, r.consignment))
		m.tls[r.tls], m.openings[r.address+" "+r.opening] = true, true
		m.callers[r.tls] = r.address
	case "agreement":
		m.agreements[hash] = &modelAgreement{e.parties, map[string]bool{e.signers[0]: true}}
	case "accede":
		m.agreements[e.agreement].bound[e.signers[0]] = true
	case "revoke":
		if modelAddress(e.subject) {
			d := m.desks[e.subject]
			for _, word := range m.ended(e) {
				d.revoked[word] = true
			}
			break
		}
		m.parties[e.subject].inForce = false
		for addr, d := range m.desks {
			if strings.HasPrefix(addr, e.subject+".") {
				d.revoked["locked"], d.revoked["online"] = true, true
			}
		}
		for _, a := range m.agreements {
			delete(a.bound, e.subject)
		}
	}
	return ""
}

func (m *modelRegister) stands(keys []modelKey) {
	for _, k := range keys {
		for _, mark := range k.marks() {
			m.stood[mark] = true
		}
	}
}

// facts are what is in force, a line for each.
func (m *modelRegister) facts() string {
	lines := []string{fmt.Sprintln("broker", m.broker, m.brokerTLS), fmt.Sprintln("catalogue", m.catalogue), fmt.Sprintln("last", m.last[""])}
	for name, p := range m.parties {
		lines = append(lines, fmt.Sprintln("last", name, m.last[name]))
		if p.inForce {
			lines = append(lines, fmt.Sprintln("party", name, p.title, p.keys[0].key, modelHashOf(p.keys[1].key)))
		}
	}
	for addr, d := range m.desks {
		lines = append(lines, fmt.Sprintln("desk", addr, d.entry.title, d.entry.directory, modelHashOf(d.entry.raw), d.revoked["locked"], d.revoked["online"]))
	}
	for key := range m.tls {
		lines = append(lines, fmt.Sprintln("tls", key, m.callers[key]))
	}
	for hash, a := range m.agreements {
		lines = append(lines, fmt.Sprintln("agreement", hash, a.parties, slices.Sorted(maps.Keys(a.bound))))
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}
