package mysql

import vitess "github.com/dolthub/vitess/go/mysql"

// logins are by mysql_native_password, for everybody: an account that is not there is refused as MySQL does it, after its
// password.
type logins struct{ vitess.AuthServer }

// AuthMethods is the one method.
func (l logins) AuthMethods() []vitess.AuthMethod {
	var native []vitess.AuthMethod
	for _, m := range l.AuthServer.AuthMethods() {
		if m.Name() == vitess.MysqlNativePassword {
			native = append(native, everybody{m})
		}
	}
	return native
}

type everybody struct{ vitess.AuthMethod }

// HandleUser lets the method itself refuse a user.
func (everybody) HandleUser(*vitess.Conn, string) bool { return true }
