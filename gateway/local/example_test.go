package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"samband/gateway/local"
	"samband/gateway/problem"
)

// One process serves a folder; another asks it.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")

	type question struct{ Desk string }
	type answer struct{ Hours string }
	ln, err := local.Listen(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := local.Calls{"hours": local.Answer(func(_ context.Context, q question) (*answer, error) {
		if q.Desk != "fi.spoc" {
			return nil, problem.New(problem.UnknownDesk, "%s is no desk in the register", q.Desk)
		}
		return &answer{Hours: "24/7"}, nil
	})}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go local.Serve(ctx, ln, calls)

	c := local.NewClient("desk", filepath.Dir(path), path)
	a, err := local.Ask[answer](ctx, c, "hours", question{"fi.spoc"})
	fmt.Println(a.Hours, err)
	_, err = local.Ask[answer](ctx, c, "hours", question{"xx.spoc"})
	fmt.Println(problem.CodeOf(err))
	// Output:
	// 24/7 <nil>
	// UNKNOWN_DESK
}
