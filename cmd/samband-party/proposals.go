package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A proposal is an agreement that awaits the party, as it is printed.
type proposal struct {
	Number   int64       `json:"number"` // its place in the register
	Hash     signed.Hash `json:"hash"`
	Title    string      `json:"title"`
	Proposer string      `json:"proposer"`
	Parties  []string    `json:"parties"`
	Awaits   []string    `json:"awaits"` // who has not acceded
	Types    []string    `json:"types"`
	Copies   []string    `json:"copies,omitempty"`
	Purposes []string    `json:"purposes"`
	Ceiling  string      `json:"ceiling"`
	From     signed.Time `json:"from"`
	Until    signed.Time `json:"until"`
}

func newProposals(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "proposals LOG",
		Short: "List the agreements that await this party, from a copy of the register's log folder",
		Long: `List the agreements that await this party, from a copy of the register's log folder.

They name the party, it has not acceded, and they have not ended.`,
		Args: cobra.ExactArgs(1),
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) error {
			r, err := p.register(args[0])
			if err != nil {
				return err
			}
			all := []proposal{}
			for _, x := range r.Now().Proposals(party.Name, signed.At(time.Now())) {
				all = append(all, proposalOf(x))
			}
			return p.Print(c, all, func(w io.Writer) { showProposals(w, party.Name, args[0], r.Size(), all) })
		}),
	}
}

func proposalOf(x register.Proposal) proposal {
	a := x.Agreement
	p := proposal{
		Number: x.Index, Hash: a.Hash(), Title: a.Title, Proposer: a.Signers[0], Parties: a.Parties, Awaits: x.Awaits,
		Types: a.Types, Purposes: a.Purposes, Ceiling: string(a.Ceiling), From: a.From, Until: a.Until,
	}
	for _, rule := range a.Copies {
		p.Copies = append(p.Copies, fmt.Sprintf("%s gets %s of %s", rule.To, rule.Type, strings.Join(rule.Of, ", ")))
	}
	return p
}

func showProposals(w io.Writer, party, log string, size int64, all []proposal) {
	if len(all) == 0 {
		fmt.Fprintf(w, "No agreement awaits %s in the register of %d entries.\n", party, size)
		return
	}
	for _, a := range all {
		fmt.Fprintf(w, "Entry %d: %q, proposed by %s\n", a.Number, cli.Clean(a.Title), a.Proposer)
		fmt.Fprintf(w, "  between    %s\n", strings.Join(a.Parties, ", "))
		fmt.Fprintf(w, "  awaits     %s\n", strings.Join(a.Awaits, ", "))
		fmt.Fprintf(w, "  permits    %s\n", strings.Join(a.Types, ", "))
		for _, c := range a.Copies {
			fmt.Fprintf(w, "  copies     %s\n", c)
		}
		fmt.Fprintf(w, "  purposes   %s\n", strings.Join(a.Purposes, ", "))
		fmt.Fprintf(w, "  at most    %s\n", a.Ceiling)
		fmt.Fprintf(w, "  from       %s until %s\n", a.From, a.Until)
		fmt.Fprintf(w, "  hash       %s\n", a.Hash)
	}
	fmt.Fprintf(w, "Next: read it; then samband-party accede NUMBER --log %s\n", cli.Clean(log))
}

// proposed is the entry of an agreement that awaits a party, by its number or its hash.
func (p *program) proposed(log, named, party string) ([]byte, error) {
	r, err := p.register(log)
	if err != nil {
		return nil, err
	}
	for _, x := range r.Now().Proposals(party, signed.At(time.Now())) {
		if named == signed.FormatInt(x.Index) || named == x.Agreement.Hash().String() {
			return r.Entries(x.Index)[0], nil
		}
	}
	return nil, cli.Usagef("no agreement %s awaits %s in %s: see samband-party proposals %s", named, party, log, log)
}
