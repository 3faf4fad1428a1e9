package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// A Running exchange has its broker and its desks in this process. Each is
// started and stopped by itself; one goroutine does that.
type Running struct {
	*Exchange
	Broker *broker.Broker
	Desks  map[signed.Address]*desk.Desk

	ctx    context.Context
	cancel context.CancelFunc
	runs   map[any]*run // of the broker or a desk
}

// A Tap may put itself between a desk and its client; nil leaves it alone.
type Tap func(desk signed.Address, c *api.Client) desk.Broker

// Start runs the broker, enters the register's entries, and runs every desk,
// unlocked.
func (x *Exchange) Start(ctx context.Context, tap Tap) (*Running, error) {
	r := x.Still(ctx)
	err := r.StartBroker(broker.Config{})
	if err == nil {
		err = x.EnterAll(r.ctx)
	}
	for _, p := range x.Plan.Parties {
		for _, d := range p.Desks {
			if err == nil && !d.Keyed {
				err = r.startUnlocked(d.Address, desk.Config{}, tap)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// Still is the exchange before anything of it runs. What is started runs until
// ctx ends.
func (x *Exchange) Still(ctx context.Context) *Running {
	r := &Running{Exchange: x, Desks: map[signed.Address]*desk.Desk{}, runs: map[any]*run{}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// StartBroker runs the broker on its folder. At its first start it knows the
// federation file alone, and wants the rest of EnterAll.
func (r *Running) StartBroker(conf broker.Config) (err error) {
	conf.Dir = r.BrokerDir()
	if r.Broker, err = broker.New(conf); err != nil {
		return err
	}
	r.goRun(r.Broker, r.Broker.Run, r.Broker.Close)
	return nil
}

// EnterAll brings the exchange's entries into the broker that runs.
func (x *Exchange) EnterAll(ctx context.Context) error {
	c, err := broker.NewClient(x.BrokerDir())
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

// OpenDesk opens a desk on its folder, and starts none of its work.
func (x *Exchange) OpenDesk(address signed.Address, conf desk.Config) (*desk.Desk, error) {
	conf.Dir = x.DeskDir(address)
	if conf.Retry == 0 {
		conf.Retry = 50 * time.Millisecond
	}
	return desk.New(conf)
}

// StartDesk runs a desk, locked.
func (r *Running) StartDesk(address signed.Address, conf desk.Config) (*desk.Desk, error) {
	d, err := r.OpenDesk(address, conf)
	if err != nil {
		return nil, err
	}
	r.RunDesk(d)
	return d, nil
}

// RunDesk runs a desk that was opened.
func (r *Running) RunDesk(d *desk.Desk) {
	r.Desks[d.Address()] = d
	r.goRun(d, d.Run, d.Close)
}

// StopDesk ends a desk, as a shutdown of its machine does.
func (r *Running) StopDesk(d *desk.Desk) error { return r.end(d) }

// StopBroker ends the broker, as a shutdown of its machine does.
func (r *Running) StopBroker() error { return r.end(r.Broker) }

// startUnlocked runs a desk, unlocked, and waits until it knows the register.
func (r *Running) startUnlocked(address signed.Address, conf desk.Config, tap Tap) error {
	if tap != nil {
		client, err := desk.Dial(r.DeskDir(address))
		if err != nil {
			return err
		}
		conf.Broker = tap(address, client)
	}
	d, err := r.StartDesk(address, conf)
	if err != nil {
		return err
	}
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

// A run is of the broker or a desk.
type run struct {
	cancel context.CancelFunc
	ended  chan error
}

func (r *Running) goRun(what any, work func(context.Context) error, close func() error) {
	ctx, cancel := context.WithCancel(r.ctx)
	it := &run{cancel, make(chan error, 1)}
	r.runs[what] = it
	go func() { it.ended <- errors.Join(work(ctx), close()) }()
}

// end ends what runs, and tells what went wrong in it. What has ended before is
// left alone.
func (r *Running) end(what any) error {
	it, runs := r.runs[what]
	if !runs {
		return nil
	}
	delete(r.runs, what)
	it.cancel()
	return <-it.ended
}

// Stop ends all of it, and reports what went wrong in any of them.
func (r *Running) Stop() error {
	r.cancel()
	var errs []error
	for what := range r.runs {
		errs = append(errs, r.end(what))
	}
	return errors.Join(errs...)
}

// Await waits until done is true of a desk, looking again at each change.
func Await(ctx context.Context, d *desk.Desk, patience time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := client.Await(ctx, d, done)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%s: nothing of the kind within %s: %w", d.Address(), patience, err)
	}
	return err
}
