package register

import (
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		want  problem.Code
		first func(x exchange) // before the header is written
		edit  func(h *envelope.Header)
		later func(x exchange) // after it
		at    signed.Time
	}{
		"as it should be": {},
		"other exchange":  {want: problem.WrongExchange, edit: func(h *envelope.Header) { h.Exchange = signed.HashOf("training") }},
		"files beside":    {want: problem.PartsUnsupported, edit: func(h *envelope.Header) { h.Parts = &envelope.PartsRef{Count: 1} }},
		"on behalf":       {want: problem.OnBehalfUnaccredited, edit: func(h *envelope.Header) { h.OnBehalfOf = "no.police" }},

		"unknown sender":    {want: problem.UnknownDesk, edit: func(h *envelope.Header) { h.From = "se.ncb" }},
		"unknown recipient": {want: problem.UnknownDesk, edit: func(h *envelope.Header) { h.To = "fi.ncb" }},
		"sender revoked":    {want: problem.KeyRevoked, later: func(x exchange) { x.enter(x.revoke("se", "se.spoc", RingLocked)) }},
		"recipient revoked": {want: problem.KeyRevoked, later: func(x exchange) { x.enter(x.revoke("fi", "fi.spoc", RingLocked)) }},
		"sender's party":    {want: problem.KeyRevoked, later: func(x exchange) { x.enter(x.revoke("root", "se", ringAll)) }},
		"online ring only":  {later: func(x exchange) { x.enter(x.revoke("se", "se.spoc", RingOnline)) }},
		"revoked, then new": {first: func(x exchange) { x.enter(x.revoke("fi", "fi.spoc", ringAll)); x.enter(x.desk("fi.spoc", 1)) }},
		"sender ended":      {want: problem.DeskEnded, later: func(x exchange) { x.enter(with(x.desk("se.spoc", 0), func(d *Desk) { d.Until = noon })) }},
		"recipient ended":   {want: problem.DeskEnded, later: func(x exchange) { x.enter(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Until = noon })) }},
		"ends next second": {later: func(x exchange) {
			x.enter(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Until = noon.Add(time.Second) }))
		}},
		"recipient rotated":  {want: problem.RegisterMoved, later: func(x exchange) { x.enter(x.desk("fi.spoc", 1)) }},
		"other opening key":  {want: problem.RegisterMoved, edit: func(h *envelope.Header) { h.ToKey = envelope.KeyIDOf("age1pq1other") }},
		"unknown type":       {want: problem.TypeUnknown, edit: func(h *envelope.Header) { h.Type.Name = "POEM" }},
		"other file of type": {want: problem.TypeOutdated, edit: func(h *envelope.Header) { h.Type.Hash = signed.HashOf("x") }},
		"newer version":      {want: problem.TypeOutdated, edit: func(h *envelope.Header) { h.Type.Version = "9.9" }},
		"catalogue changed":  {want: problem.TypeOutdated, later: func(x exchange) { x.enter(x.catalogue("1.1")) }},

		"created in the future": {want: problem.NotYet, edit: func(h *envelope.Header) { h.Created = noon.Add(2 * time.Minute) }},
		"clock a little ahead":  {edit: func(h *envelope.Header) { h.Created = noon.Add(time.Minute) }},
		"expires before":        {want: problem.DatesInvalid, edit: func(h *envelope.Header) { h.Expires = h.Created }},
		"lives too long":        {want: problem.DatesInvalid, edit: func(h *envelope.Header) { h.Expires = h.Created.Add(envelope.MaxLifetime + time.Second) }},
		"lives for centuries": {want: problem.DatesInvalid, edit: func(h *envelope.Header) {
			h.Expires = h.Created.Add(1 << 62).Add(1 << 62).Add(1 << 62).Add(1 << 62).Add(24 * time.Hour)
		}},
		"lives 30 days":       {edit: func(h *envelope.Header) { h.Expires = h.Created.Add(envelope.MaxLifetime) }},
		"expired":             {want: problem.Expired, at: noon.Add(24 * time.Hour)},
		"expires next second": {at: noon.Add(24*time.Hour - time.Second)},

		"unknown agreement": {want: problem.NoAgreement, edit: func(h *envelope.Header) { h.Agreement = signed.HashOf("handshake") }},
		"agreement of others": {want: problem.NoAgreement, edit: func(h *envelope.Header) {
			h.From = "no.spoc"
		}},
		"agreement not acceded": {want: problem.NoAgreement,
			first: func(x exchange) {
				x.enter(with(x.agreement("fi", "se"), func(a *Agreement) { a.Title = "Luonnos" }))
			},
			edit: func(h *envelope.Header) { h.Agreement = signed.Hash{} /* replaced below by the newest */ }},
		"agreement not begun": {want: problem.NotYet, at: start.Add(-time.Second), edit: func(h *envelope.Header) {
			h.Created, h.Expires = start.Add(-time.Hour), start.Add(time.Hour)
		}},
		"agreement that begins too late": {want: problem.NoAgreement, at: start.Add(-time.Hour), edit: func(h *envelope.Header) {
			h.Created, h.Expires = start.Add(-time.Hour), start
		}},
		"not begun, and above the ceiling": {want: problem.NoAgreement, at: start.Add(-time.Second), edit: func(h *envelope.Header) {
			h.Created, h.Expires, h.Classification = start.Add(-time.Hour), start.Add(time.Hour), envelope.BPL
		}},
		"in the future, and expired before": {want: problem.DatesInvalid, edit: func(h *envelope.Header) {
			h.Created, h.Expires = noon.Add(2*time.Hour), noon.Add(time.Hour)
		}},
		"agreement ended": {want: problem.NoAgreement, at: end, edit: func(h *envelope.Header) {
			h.Created, h.Expires = end.Add(-time.Hour), end.Add(time.Hour)
		}},
		"proposer's party revoked since": {want: problem.KeyRevoked, later: func(x exchange) { x.enter(x.revoke("root", "fi", ringAll)) }},
		"type not in the agreement": {want: problem.TypeNotPermitted, edit: func(h *envelope.Header) {
			h.Type = envelope.TypeRef{Name: "ANSWER", Version: "1.0", Hash: signed.HashOf("ANSWER1.0")}
		}},
		"above the ceiling": {want: problem.ClassificationTooHigh, edit: func(h *envelope.Header) { h.Classification = envelope.BPL }},

		// Where several rules say no, the first one speaks.
		"order of the rules": {want: problem.UnknownDesk, edit: func(h *envelope.Header) {
			h.From, h.Type.Name, h.Agreement, h.ToKey = "se.ncb", "POEM", signed.Hash{1}, envelope.KeyID{}
		}},
		"dates before agreement": {want: problem.Expired, at: end.Add(24 * time.Hour)},
		"type before key": {want: problem.TypeNotPermitted, edit: func(h *envelope.Header) {
			h.Type = envelope.TypeRef{Name: "ANSWER", Version: "1.0", Hash: signed.HashOf("ANSWER1.0")}
			h.ToKey = envelope.KeyID{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			x := settled(t)
			if c.first != nil {
				c.first(x)
			}
			h := x.header()
			if c.edit != nil {
				c.edit(h)
			}
			if h.Agreement == (signed.Hash{}) {
				all := x.Now().Agreements()
				h.Agreement = all[len(all)-1].Hash()
			}
			before := x.Now()
			if c.later != nil {
				c.later(x)
				wantCode(t, before.Decide(h, noon), "") // a view doesn't change
			}
			if c.at.IsZero() {
				c.at = noon
			}
			wantCode(t, x.Now().Decide(h, c.at), c.want)
		})
	}
}

func TestDecideWithoutCatalogue(t *testing.T) {
	x := found(t)
	for _, p := range []string{"fi", "se"} {
		x.enter(x.party(p))
		x.enter(x.desk(p+".spoc", 0))
	}
	h := settled(t).header()
	wantCode(t, x.Now().Decide(h, noon), problem.TypeUnknown)
}

func TestDecideSealed(t *testing.T) {
	x := settled(t)
	v := x.Now()
	hash := v.Agreements()[0].Hash()
	wantCode(t, v.DecideSealed(hash, schema.Sealed{Purpose: "INVESTIGATE_CRIME"}), "")
	wantCode(t, v.DecideSealed(hash, schema.Sealed{Purpose: "BORDER_CONTROL"}), problem.PurposeNotPermitted)
	wantCode(t, v.DecideSealed(hash, schema.Sealed{}), problem.PurposeNotPermitted)
	wantCode(t, v.DecideSealed(signed.HashOf("handshake"), schema.Sealed{Purpose: "INVESTIGATE_CRIME"}), problem.NoAgreement)
	wantCode(t, x.At(x.Size()-2).DecideSealed(hash, schema.Sealed{Purpose: "INVESTIGATE_CRIME"}), problem.NoAgreement)
}

func TestExplain(t *testing.T) {
	x := settled(t)
	wide := with(x.agreement("fi", "se"), func(a *Agreement) {
		a.Title, a.Types, a.Ceiling = "Laaja", []string{"ANSWER", "INFO_REQUEST"}, envelope.BPL
	})
	x.enter(wide)
	x.enter(x.accede("se", wide.Hash()))
	x.enter(with(x.agreement("fi", "se"), func(a *Agreement) { a.Title = "Luonnos" }))

	good := Question{"se.spoc", "fi.spoc", "INFO_REQUEST", envelope.Unclassified, "INVESTIGATE_CRIME"}
	for name, c := range map[string]struct {
		want     problem.Code
		carriers int
		blocked  int
		edit     func(q *Question)
	}{
		"as it should be":    {"", 2, 1, func(q *Question) {}},
		"purpose not known":  {"", 2, 1, func(q *Question) { q.Purpose = "" }},
		"only the wide one":  {"", 1, 2, func(q *Question) { q.Type = "ANSWER" }},
		"no purpose allows":  {problem.PurposeNotPermitted, 0, 3, func(q *Question) { q.Purpose = "BORDER_CONTROL" }},
		"unknown desk":       {problem.UnknownDesk, 0, 0, func(q *Question) { q.To = "fi.ncb" }},
		"unknown type":       {problem.TypeUnknown, 0, 0, func(q *Question) { q.Type = "POEM" }},
		"nothing with them":  {problem.NoAgreement, 0, 0, func(q *Question) { q.To = "no.spoc" }},
		"wide, then ceiling": {"", 1, 2, func(q *Question) { q.Classification = envelope.BPL }},
	} {
		q := good
		c.edit(&q)
		e := x.Now().Explain(q, noon)
		var code problem.Code
		if e.Problem != nil {
			code = e.Problem.Code
		}
		if code != c.want || len(e.Carriers) != c.carriers || len(e.Blocked) != c.blocked {
			t.Errorf("%s: %v, %d carry, %d blocked", name, e.Problem, len(e.Carriers), len(e.Blocked))
		}
	}
	if e := x.Now().Explain(good, end); e.Problem == nil || e.Problem.Code != problem.NoAgreement || len(e.Blocked) != 3 {
		t.Errorf("after all have ended: %+v", e)
	}
}
