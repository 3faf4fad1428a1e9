package client_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
)

// A case-management system beside Finland's desk reads what Sweden asked.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	x, err := gatewaytest.Make(dir, gatewaytest.Nordic())
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := x.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer run.Stop()
	body, err := os.ReadFile("../../../schema/testdata/case/05-info-request.fr.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	se := client.New(x.DeskDir("se.spoc"))
	if _, err := se.Send(ctx, client.Draft{To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: body}); err != nil {
		fmt.Println(err)
		return
	}

	c := client.New(x.DeskDir("fi.spoc"))
	err = client.Await(ctx, c, func() (bool, error) {
		items, err := c.Inbox(ctx, client.Query{})
		for _, i := range items {
			if i.State == client.HandedOver {
				m, err := c.Read(ctx, client.Ref{From: i.From, ID: i.ID})
				fmt.Println(m.From, m.Title, m.Summary.Language, slices.Contains(m.Replies, "ANSWER"), err)
				return true, err
			}
		}
		return false, err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: se.spoc Request for information fr true <nil>
}
