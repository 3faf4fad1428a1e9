package gatewaytest

import (
	"context"
	"fmt"
	"os"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// An exchange of three countries in this process: Sweden asks Finland, and waits for
// the proof that Finland has the request.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	x, err := Make(dir, Nordic())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run, err := x.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer run.Stop()

	body, err := os.ReadFile("../../schema/testdata/case/05-info-request.fr.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	se := run.Desks["se.spoc"]
	sending, err := se.Send(ctx, client.Draft{To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: body})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen, err := se.Wait(ctx, client.Watch{Sent: sending.Messages[0].ID})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seen.Sent.To, seen.Sent.Type, seen.Sent.State)
	// Output: fi.spoc INFO_REQUEST handed-over
}
