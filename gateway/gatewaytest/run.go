package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/signed"
)

// A Running exchange has its broker and its desks in this process.
type Running struct {
	*Exchange
	Broker *broker.Broker
	Desks  map[signed.Address]*desk.Desk

	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

// A Tap may put itself between a desk and its client; nil leaves it alone.
type Tap func(desk signed.Address, c *api.Client) desk.Broker

// Start runs the broker, enters the register's entries, and runs every desk,
// unlocked.
func (x *Exchange) Start(ctx context.Context, tap Tap) (*Running, error) {
	r := x.still(ctx)
	err := r.startBroker(broker.Config{})
	for _, p := range x.Plan.Parties {
		for _, d := range p.Desks {
			if err == nil && !d.ByHand {
				err = r.startDesk(d.Address, desk.Config{}, tap)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// still is the exchange before anything of it runs.
func (x *Exchange) still(ctx context.Context) *Running {
	r := &Running{Exchange: x, Desks: map[signed.Address]*desk.Desk{}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// startBroker runs the broker and enters the exchange's entries.
func (r *Running) startBroker(conf broker.Config) (err error) {
	conf.Dir = r.Exchange.Broker()
	if r.Broker, err = broker.New(conf); err != nil {
		return err
	}
	r.goRun(r.Broker.Run, r.Broker.Close)
	return r.EnterAll(r.ctx)
}

// EnterAll brings the exchange's entries into the broker that runs.
func (x *Exchange) EnterAll(ctx context.Context) error {
	c, err := broker.NewClient(x.Broker())
	if err != nil {
		return err
	}
	for _, e := range x.Entries {
		if _, err := c.Enter(ctx, e); err != nil {
			return fmt.Errorf("enter a register entry: %w", err)
		}
	}
	return nil
}

// startDesk runs a desk, unlocked.
func (r *Running) startDesk(address signed.Address, conf desk.Config, tap Tap) error {
	conf.Dir, conf.Retry = r.Desk(address), 50*time.Millisecond
	if tap != nil {
		client, err := desk.Dial(conf.Dir)
		if err != nil {
			return err
		}
		conf.Broker = tap(address, client)
	}
	d, err := desk.New(conf)
	if err != nil {
		return err
	}
	r.Desks[address] = d
	r.goRun(d.Run, d.Close)
	if err := d.Unlock(r.ctx, []byte(Passphrase)); err != nil {
		return err
	}
	return r.CaughtUp(address)
}

// CaughtUp waits until a desk has replayed every entry of the register.
func (r *Running) CaughtUp(address signed.Address) error {
	d := r.Desks[address]
	return Await(r.ctx, d, time.Minute, func() (bool, error) {
		s, err := d.Status(r.ctx)
		return err == nil && s.Register > int64(len(r.Entries)), err
	})
}

// goRun runs a process of the exchange until Stop.
func (r *Running) goRun(run func(context.Context) error, close func() error) {
	r.all.Go(func() {
		err := errors.Join(run(r.ctx), close())
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err)
	})
}

// Stop ends all of it, and reports what went wrong in any of them.
func (r *Running) Stop() error {
	r.cancel()
	r.all.Wait()
	return errors.Join(r.errs...)
}

// Await waits until done is true of a desk, looking again at each change.
func Await(ctx context.Context, d *desk.Desk, patience time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		changed := d.Changed()
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: nothing of the kind within %s: %w", d.Address(), patience, ctx.Err())
		}
	}
}
