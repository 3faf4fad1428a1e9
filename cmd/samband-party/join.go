package main

import (
	"github.com/spf13/cobra"

	"samband/gateway/register"
)

func newJoin(s *settings) *cobra.Command {
	var federation string
	c := &cobra.Command{
		Use:   "join ADMISSION",
		Short: "Make the party's folder belong to the exchange that admitted it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := s.party(c)
			if err != nil {
				return err
			}
			fed, file, err := readWhole(federation, register.ParseFederation)
			if err != nil {
				return err
			}
			admission, err := readFile(args[0])
			if err != nil {
				return err
			}
			if err := p.Join(file, admission); err != nil {
				return err
			}
			return s.say(c, result{
				Made: p.Name + " belongs to " + fed.Name, Hash: fed.Hash().String(),
				Note: []string{"compare the hash with a founder by voice: it is the exchange"},
				Next: "make the party's issuing CA: samband-party ca",
			})
		},
	}
	c.Flags().StringVar(&federation, "federation", "", "the federation file")
	return need(c, "federation")
}
