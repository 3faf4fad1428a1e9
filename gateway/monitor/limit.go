package monitor

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Lines of one kind that are written in one go, and how often one is after that.
const (
	lineBurst = 50
	linePace  = 10 * time.Second
	maxKinds  = 10_000
)

// LeftOut is the attribute by which a line says how many of its kind were left out
// before it.
const LeftOut = "left_out"

// Limit bounds how many lines a program writes, since others can cause them: of one kind
// a first few, then one each ten seconds, which says how many were left out. A kind is the
// line's message, with the desk, the code and the job that it names.
func Limit(l *slog.Logger) *slog.Logger {
	return slog.New(limited{l.Handler(), &kinds{known: map[string]*lineKind{}}})
}

type limited struct {
	slog.Handler
	kinds *kinds
}

type kinds struct {
	mu    sync.Mutex
	known map[string]*lineKind
}

type lineKind struct {
	limit   *rate.Limiter
	leftOut int64
}

func (h limited) Handle(ctx context.Context, r slog.Record) error {
	leftOut, passes := h.kinds.take(kindOf(&r), r.Time)
	if !passes {
		return nil
	}
	if leftOut > 0 {
		r.AddAttrs(slog.Int64(LeftOut, leftOut))
	}
	return h.Handler.Handle(ctx, r)
}

func (h limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{h.Handler.WithAttrs(attrs), h.kinds}
}

func (h limited) WithGroup(name string) slog.Handler {
	return limited{h.Handler.WithGroup(name), h.kinds}
}

func kindOf(r *slog.Record) string {
	kind := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "desk", "code", "job":
			kind = append(kind, a.Key, a.Value.String())
		}
		return true
	})
	return strings.Join(kind, "\x00")
}

// take counts a line of a kind, and tells whether it is written.
func (k *kinds) take(kind string, at time.Time) (leftOut int64, passes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.known[kind]
	if of == nil {
		if len(k.known) >= maxKinds {
			clear(k.known)
		}
		of = &lineKind{limit: rate.NewLimiter(rate.Every(linePace), lineBurst)}
		k.known[kind] = of
	}
	if !of.limit.AllowN(at, 1) {
		of.leftOut++
		return 0, false
	}
	leftOut, of.leftOut = of.leftOut, 0
	return leftOut, true
}
