package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// ErrNotServed says that no process serves the broker: start samband-broker
// serve.
var ErrNotServed = errors.New("no process serves this broker")

// A Status is how a broker stands.
type Status struct {
	Exchange  signed.Hash `json:"exchange"`
	Name      string      `json:"name"`
	Desks     string      `json:"desks"`   // where they connect
	Metrics   string      `json:"metrics"` // where the operator asks
	Found     []string    `json:"found"`   // what the start met and settled
	Stopped   string      `json:"stopped,omitempty"`
	Audit     signed.Head `json:"audit"`
	Register  signed.Head `json:"register"`
	Accepting bool        `json:"accepting"`
}

// An Entered is what became of a register entry.
type Entered struct {
	Index int64  `json:"index"` // its place in the register
	Proof string `json:"proof"`
}

// Started tells how the broker stands, and what its start met.
func (b *Broker) Started() Status {
	s := Status{
		Exchange: b.keys.register.Exchange(), Name: b.keys.register.Federation().Name,
		Desks: b.Address(), Metrics: b.MetricsAddress(), Found: []string{},
		Accepting: b.accepting(context.Background()) == nil,
	}
	for _, f := range b.found {
		s.Found = append(s.Found, string(f))
	}
	if reason := b.seq.Stopped(); reason != nil {
		s.Stopped = reason.Error()
	}
	c := b.seq.Checkpoints()
	s.Audit, s.Register = c.AuditHead, c.RegisterHead
	return s
}

// Enter brings a signed entry into the register. It may use the room that is
// left for ends: a key can be revoked while the store is nearly full.
func (b *Broker) Enter(ctx context.Context, note []byte) (*Entered, error) {
	if err := b.seq.Ready(); err != nil {
		return nil, err
	}
	done, err := b.seq.Do(ctx, sequencer.Entry{Note: note})
	if err != nil {
		return nil, err
	}
	b.expect()
	for _, desk := range b.view().Desks() {
		b.reader.Wake(desk.Address)
	}
	proof, err := prover.New(b.seq, api.Heads{}).Proof(ctx, done.Event)
	return &Entered{Index: done.Event.Leaf, Proof: proof}, err
}

// listenLocal opens the socket for the machine's own operator: whoever may
// write to the file may enter what a party has signed, and no more.
func listenLocal(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open local socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open local socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open local socket: %w", err), l.Close())
	}
	return l, nil
}

func (b *Broker) serveLocal(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answerLocal(w, b.Started(), nil) })
	mux.HandleFunc("POST /enter", func(w http.ResponseWriter, r *http.Request) {
		note, err := io.ReadAll(http.MaxBytesReader(w, r.Body, register.MaxEntry))
		if err != nil {
			answerLocal(w, nil, problem.New(problem.Oversize, "an entry passes the bound of %d bytes", register.MaxEntry))
			return
		}
		entered, err := b.Enter(r.Context(), note)
		answerLocal(w, entered, err)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(b.local); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve local socket: %w", err)
	}
	return nil
}

func answerLocal(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", api.JSONType)
	if err != nil {
		d := api.RefusalOf(err).Document()
		w.Header().Set("Content-Type", api.ProblemType)
		w.WriteHeader(d.Status)
		answer = d
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// A Client asks the process that serves a broker's folder, through its socket.
type Client struct{ http *http.Client }

// NewClient makes a Client of a broker's folder. It connects at the first call.
func NewClient(dir string) (*Client, error) {
	s, err := ReadSettings(dir)
	if err != nil {
		return nil, err
	}
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket())
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotServed, err)
			}
			return conn, nil
		},
	}}}, nil
}

// Enter brings a signed entry into the register. A refusal is a problem.
func (c *Client) Enter(ctx context.Context, note []byte) (*Entered, error) {
	return askLocal[Entered](ctx, c, http.MethodPost, "/enter", note)
}

// Status asks how the broker stands.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return askLocal[Status](ctx, c, http.MethodGet, "/status", nil)
}

func askLocal[A any](ctx context.Context, c *Client, method, path string, body []byte) (*A, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://broker"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, auditlog.MaxProof*2))
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var d api.Document
		if err := json.Unmarshal(answer, &d); err != nil {
			return nil, fmt.Errorf("ask the broker: status %d", resp.StatusCode)
		}
		if _, known := problem.Lookup(d.Code); !known {
			return nil, fmt.Errorf("ask the broker: status %d", resp.StatusCode)
		}
		return nil, problem.New(d.Code, "%s", d.Detail)
	}
	a := new(A)
	if err := json.Unmarshal(answer, a); err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	return a, nil
}

func unknownDesk(desk signed.Address) error {
	return problem.New(problem.UnknownDesk, "%s is no desk in the register", desk)
}
