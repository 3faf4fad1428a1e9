package desk_test

import (
	"fmt"
	"os"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A desk that was just started is locked: it takes in what arrives, and sends nothing.
func Example() {
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
	d, err := desk.New(desk.Config{Dir: x.DeskDir("se.spoc")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	_, err = d.Send(ctx, client.Draft{To: []signed.Address{"fi.spoc"}, Type: "REMINDER", Body: []byte("{}")})
	fmt.Println(d.Address(), d.Locked(), problem.CodeOf(err))
	err = d.Unlock(ctx, []byte(gatewaytest.Passphrase))
	fmt.Println(d.Address(), d.Locked(), err)
	// Output:
	// se.spoc true DESK_LOCKED
	// se.spoc false <nil>
}
