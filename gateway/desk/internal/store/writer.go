package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxGroup bounds the writes of one commit.
const maxGroup = 256

// A writer is the one that writes: it has a connection of its own, takes all
// writes that wait as one group, and commits them at once. Each write of a group
// has a savepoint, so one that fails, or panics, takes nothing with it.
type writer struct {
	store  *Store
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	synced bool // whether commits of conn wait for the disk, as they do at first

	queue  chan *write
	once   sync.Once     // over closing quit
	quit   chan struct{} // closed when no more is taken
	ended  chan struct{} // closed when the writer has ended
	failed chan struct{} // closed when nobody knows what the disk has, after a commit or a checkpoint that failed

	mu  sync.Mutex
	why error // why it failed
}

// A write waits for its turn.
type write struct {
	do     func(*Tx) error
	synced bool
	scrub  bool // empties the write-ahead log instead, outside of a transaction
	done   chan error

	err   error
	moved []move
}

// A move is a sent message's new state.
type move struct {
	id    signed.ID
	state client.State
}

func newWriter(h *handle) (*writer, error) {
	registerFunctions()
	conn, err := h.db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	w := &writer{
		store: h.store, conn: conn, stmts: map[string]*sql.Stmt{}, synced: true, queue: make(chan *write, maxGroup),
		quit: make(chan struct{}), ended: make(chan struct{}), failed: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// close ends the writer; a write that still waits is not done. Its statements are
// closed one by one: SQLite keeps a connection, with its locks, while a statement of
// it is open, and package sql doesn't close those of a connection of one's own.
func (w *writer) close() {
	w.end()
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	w.conn.Close()
}

// end has it write no more.
func (w *writer) end() {
	w.once.Do(func() { close(w.quit) })
	<-w.ended
}

var errRead = errors.New("empty the write-ahead log: another program reads the desk's database")

// logLimit is how long the write-ahead log grows before it is moved into the database. What
// is moved is written over from the log's beginning; a log that grew longer, while somebody
// read, is cut to this length then, so that its length says when it is time.
const logLimit = 4 << 20

// moveLog moves a log that is long. Readers it does not wait for: what they hinder, it leaves
// to the next group. SQLite would do the same by itself, and say nothing when the disk fails.
func (w *writer) moveLog() error {
	if info, err := os.Lstat(w.store.path + "-wal"); err != nil || info.Size() <= logLimit {
		return nil
	}
	_, err := w.checkpoint("PASSIVE")
	return err
}

// emptyLog moves all of the log, waits for readers, and cuts the log to nothing.
func (w *writer) emptyLog() error {
	busy, err := w.checkpoint("TRUNCATE")
	if err == nil && busy {
		err = errRead
	}
	return err
}

func (w *writer) checkpoint(how string) (busy bool, err error) {
	var pages, moved int
	row := w.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+how+")")
	if err := row.Scan(&busy, &pages, &moved); err != nil {
		return false, fmt.Errorf("move the write-ahead log into the database: %w", err)
	}
	return busy, nil
}

// failure is why failed is closed.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.why
}

func (w *writer) enqueue(x *write) error {
	x.done = make(chan error, 1)
	select {
	case w.queue <- x:
	case <-w.failed:
		return notStored("an earlier write", w.failure())
	case <-w.quit:
		return w.closed()
	}
	select {
	case err := <-x.done:
		return err
	case <-w.ended:
	}
	select { // it may have been done last
	case err := <-x.done:
		return err
	default:
	}
	return w.closed()
}

// closed says that no more is taken, and why. A store that could not be opened anew keeps
// its last handle for readers.
func (w *writer) closed() error {
	return notStored("write", errors.Join(w.failure(), w.store.closed()))
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case first := <-w.queue:
			if !w.write(w.group(first)) {
				return
			}
		case <-w.quit:
			return
		}
	}
}

// group is what waits now. A scrub ends it.
func (w *writer) group(first *write) []*write {
	group := []*write{first}
	for len(group) < maxGroup && !group[len(group)-1].scrub {
		select {
		case next := <-w.queue:
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// write does a group and answers each, and then has the log moved, if it is time; false when
// nobody knows what the disk has.
func (w *writer) write(group []*write) bool {
	last := group[len(group)-1]
	if last.scrub {
		group = group[:len(group)-1]
	}
	certain, err := w.commit(group)
	err = w.store.noRoom(w.store.watched(err))
	w.store.wrote(len(group), err)
	for _, x := range group {
		x.err = cmp.Or(err, w.store.noRoom(x.err))
		for _, m := range x.moved {
			if x.err == nil && w.store.moved != nil {
				w.store.moved(m.id, m.state)
			}
		}
		x.done <- x.err
	}
	if certain {
		// A checkpoint that failed leaves as little certain as a commit: of what it wrote, and of
		// a log that it could not sync, the system writes nothing again, and then says it did.
		if last.scrub {
			err = w.emptyLog()
		} else {
			err = w.moveLog()
		}
		certain = err == nil || errors.Is(err, errRead) || isFull(err) || IsBusy(err) // then the log has all still
		err = w.store.noRoom(err)
	}
	if !certain {
		w.mu.Lock()
		w.why = err
		w.mu.Unlock()
		close(w.failed)
	}
	if last.scrub {
		last.done <- err
	}
	return certain
}

// commit writes a group in one transaction, synced when one of it must be. Its
// error is that of the transaction: then nothing of the group is written, as far as
// that is certain. It is, but for a commit that failed otherwise than for want of
// room.
func (w *writer) commit(group []*write) (certain bool, err error) {
	if len(group) == 0 {
		return true, nil
	}
	synced := false
	for _, x := range group {
		synced = synced || x.synced
	}
	if err := w.begin(synced); err != nil {
		return true, notStored("begin transaction", err)
	}
	for _, x := range group {
		if err := w.one(x); err != nil {
			w.exec("ROLLBACK") // SQLite may have done that itself
			return true, notStored("write", errors.Join(x.err, err))
		}
	}
	now, err := w.came(synced)
	if err != nil {
		w.exec("ROLLBACK")
		return true, notStored("count the commit", err)
	}
	if err := w.exec("COMMIT"); err != nil {
		w.exec("ROLLBACK")
		if !isFull(err) && !IsBusy(err) {
			return false, &failure{problem.StoredUnknown, fmt.Errorf("commit: %w", err)}
		}
		return true, notStored("commit", err)
	}
	if synced {
		w.store.mark.put(now)
	}
	return true, nil
}

// came counts a commit that waits for the disk, and says how far the database comes by it.
func (w *writer) came(synced bool) (now highWater, err error) {
	if !synced {
		return now, nil
	}
	if !w.store.mark.isWaiting() { // else the database would seem to have come as far as it stood
		if err := w.exec("UPDATE mark SET commits = commits + 1"); err != nil {
			return now, err
		}
	}
	stmt, err := w.prepare(came)
	if err != nil {
		return now, err
	}
	return scanCame(stmt.QueryRow().Scan)
}

// begin begins a transaction whose commit waits for the disk, or does not.
func (w *writer) begin(synced bool) error {
	if w.synced != synced {
		level := "PRAGMA synchronous = NORMAL" // WAL: written, not synced
		if synced {
			level = "PRAGMA synchronous = FULL"
		}
		if err := w.exec(level); err != nil {
			return err
		}
		w.synced = synced
	}
	return w.exec("BEGIN IMMEDIATE")
}

// A failure is a write that the database did not take. It is no problem, since nothing that
// another desk sent is refused for it; whoever asked by the socket is told Refusal.
type failure struct {
	code problem.Code
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Refusal is NOT_STORED, or STORED_UNKNOWN after a commit that failed.
func (f *failure) Refusal() *problem.Problem {
	if IsBusy(f.err) {
		return problem.New(f.code, "another program has locked the desk's database for more than %d seconds: end it, or wait until it has ended (%v)", int(patience.Seconds()), f.err)
	}
	return problem.New(f.code, "%v", f.err)
}

// notStored is the failure of a write that SQLite has undone.
func notStored(at string, err error) error {
	return &failure{problem.NotStored, fmt.Errorf("%s: %w", at, err)}
}

// isFull reports whether a write found no room: SQLite has undone it then, and
// takes writes again once there is room.
func isFull(err error) bool { return isCode(err, sqlite3.SQLITE_FULL) }

// IsBusy reports whether another program had the database locked, longer than a write
// waits for it.
func IsBusy(err error) bool {
	return isCode(err, sqlite3.SQLITE_BUSY) || isCode(err, sqlite3.SQLITE_LOCKED)
}

func isCode(err error, code int) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == code
}

// one does one write behind a savepoint.
func (w *writer) one(x *write) error {
	if err := w.exec("SAVEPOINT one"); err != nil {
		return err
	}
	tx := &Tx{store: w.store, ctx: context.Background(), stmt: w.prepare, conn: w.conn}
	if x.err = safely(x.do, tx); x.err == nil {
		x.moved = tx.moved
		return w.exec("RELEASE one")
	}
	return errors.Join(w.exec("ROLLBACK TO one"), w.exec("RELEASE one"))
}

// safely turns a panic into an error of the write that it happened in. Its value
// may quote a message; its type can't.
func safely(do func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic with a %T:\n%s", v, debug.Stack())
		}
	}()
	return do(tx)
}

func (w *writer) exec(statement string) error {
	stmt, err := w.prepare(statement)
	if err == nil {
		_, err = stmt.Exec()
	}
	return err
}

func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}
