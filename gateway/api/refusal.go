package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Refusal is an error that carries a Problem, and what the contract shows
// with it: of a whole call, or of one item of a sequence, whose proofs stand under
// the catchup of the call's answer. errors.As finds the *problem.Problem in it.
type Refusal struct {
	Problem    *problem.Problem
	Accepted   signed.Hash   // of an item, with ID_REUSED: the text that the id stands for
	Proof      string        // of an item, with a final refusal that is logged: the proof of its entry
	Stands     *LoggedEvent  // of an item, with ALREADY_CONSIGNED and ALREADY_ENDED: the consignment or end
	Request    string        // with INTERNAL: how the operator finds the fault in the log
	RetryAfter time.Duration // when to try again; zero: the caller's own pace
}

func (r *Refusal) Error() string { return r.Problem.Error() }
func (r *Refusal) Unwrap() error { return r.Problem }

// A Document is a Refusal as it crosses the wire (RFC 9457).
type Document struct {
	Type     string        `json:"type"`
	Title    string        `json:"title"`
	Status   int           `json:"status"`
	Detail   string        `json:"detail,omitempty"`
	Instance string        `json:"instance,omitempty"`
	Code     problem.Code  `json:"code"`
	Class    problem.Class `json:"class"`
	Accepted signed.Hash   `json:"accepted,omitzero"`
	Proof    string        `json:"proof,omitempty"`
	Stands   *LoggedEvent  `json:"stands,omitempty"`
	Pause    int64         `json:"pause,omitempty"`
}

const (
	typePrefix     = "urn:samband:problem:"
	instancePrefix = "urn:samband:request:"
)

// maxDetail bounds the words that a client takes over from a document.
const maxDetail = 1000

// RefusalOf makes a Refusal of an error: the one in its chain, one of the
// Problem in its chain, or INTERNAL with nothing of the error's text.
func RefusalOf(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	if p, ok := problem.Of(err); ok {
		return &Refusal{Problem: p}
	}
	return &Refusal{Problem: problem.New(problem.Internal, "the broker has a fault")}
}

// Document writes the refusal for the wire.
func (r *Refusal) Document() *Document {
	row := r.Problem.Code.Row()
	d := &Document{
		Type:     typePrefix + string(row.Code),
		Title:    row.Rule,
		Status:   row.Status,
		Detail:   r.Problem.Detail,
		Code:     row.Code,
		Class:    row.Class,
		Accepted: r.Accepted,
		Proof:    r.Proof,
		Stands:   r.Stands,
		Pause:    seconds(r.RetryAfter),
	}
	if r.Request != "" {
		d.Instance = instancePrefix + r.Request
	}
	return d
}

// parseRefusal reads the answer of a broker that did not answer with success.
// What is not a document of the contract becomes INTERNAL, whose class is
// retry: a stray answer of some machine between must never end a message.
func parseRefusal(status int, header http.Header, body []byte) *Refusal {
	var d Document
	if mediaType(header.Get("Content-Type")) != ProblemType || json.Unmarshal(body, &d) != nil || d.Status != status {
		return stray(status)
	}
	r := d.refusal()
	r.RetryAfter = parseRetryAfter(header.Get("Retry-After"))
	return r
}

// refusalOf is the refusal of an item by its document. What is not a problem of
// the contract is INTERNAL, as parseRefusal has it. An item has no Retry-After: where
// it names no pause, the pause is its code's.
func refusalOf(d *Document) error {
	if d == nil {
		return nil
	}
	r := d.refusal()
	r.RetryAfter = cmp.Or(pauseOf(d.Pause), r.Problem.Code.Row().Pause)
	return r
}

// refusal reads a document: code, class and status must fit each other.
func (d *Document) refusal() *Refusal {
	row, known := problem.Lookup(d.Code)
	if !known || d.Class != row.Class || d.Status != row.Status {
		return stray(d.Status)
	}
	return &Refusal{
		Problem:  problem.New(d.Code, "%s", safe(d.Detail)),
		Accepted: d.Accepted,
		Proof:    d.Proof,
		Stands:   d.Stands,
		Request:  safe(strings.TrimPrefix(d.Instance, instancePrefix)),
	}
}

func stray(status int) *Refusal {
	return &Refusal{Problem: problem.New(problem.Internal, "the answer with status %d is not a problem of the contract", status)}
}

// safe keeps what a broker writes from steering a terminal or filling a disk.
func safe(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), maxDetail)]
}

// parseRetryAfter reads whole seconds, at most an hour.
func parseRetryAfter(s string) time.Duration {
	n, err := signed.ParseInt(s)
	if err != nil {
		return 0
	}
	return pauseOf(n)
}

// pauseOf is a pause of so many seconds, at most an hour.
func pauseOf(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, 0), 3600)) * time.Second
}

// FormatRetryAfter writes a pause in whole seconds, rounded up.
func FormatRetryAfter(d time.Duration) string {
	return fmt.Sprint(seconds(d))
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
