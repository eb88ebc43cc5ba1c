--- In place of an application behind nginx: what it makes of an item is worth
-- caching. Here it is a line of text, with a number that tells whether it was made
-- anew.

local application = {}

local dict = ngx.shared.feed

function application.serve()
  local made = dict:incr("made", 1, 0)
  ngx.header["Content-Type"] = "text/plain"
  ngx.say(("item %s, made at %s, answer %d"):format(
    ngx.var.uri:match "[^/]*$", ngx.utctime(), made))
end

return application
