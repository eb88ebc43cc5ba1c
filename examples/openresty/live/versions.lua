--- Versions of items: how a cached answer is given up.
--
-- nginx as Debian has it cannot purge a cache entry (proxy_cache_purge is of the
-- commercial one, or of a module), and to delete the file would block the worker and
-- leave the entry's node in memory. So nothing is deleted: the version is a part of
-- the cache key. To raise it is one step in shared memory, at once true for every
-- worker; an answer that is being fetched while the item changes lands under
-- the old version, where nobody looks any more, which a purge cannot promise.
--
-- A version must not come back, or what was cached under it would. So no key is ever
-- evicted (only `safe_add` and `incr` are used); if there is no room, all versions go
-- and the epoch, which is a part of each, is raised instead: everything is
-- fetched once more. The epoch begins with the time, since the files of the cache
-- outlive nginx and the dict does not.

local versions = {}

local dict = ngx.shared.versions

--- For init_by_lua. A reload changes nothing.
function versions.begin()
  dict:safe_add("epoch", ngx.now() * 1000)
  dict:safe_add("raised", 0)
end

--- The version of an item.
---@param id string
---@return string
function versions.of(id)
  -- No epoch: raise_all is at work in another process. What is fetched now is
  -- kept under a key that is not used again.
  local epoch = dict:get "epoch" or -ngx.now() * 1000
  return ("%.0f.%d"):format(epoch, dict:get("item " .. id) or 0)
end

--- Gives up what is cached of everything.
function versions.raise_all()
  local epoch, raised = dict:get "epoch", dict:get "raised"
  dict:flush_all()
  dict:flush_expired()
  dict:safe_set("raised", (raised or 0) + 1)
  dict:safe_set("epoch", math.max(ngx.now() * 1000, (epoch or 0) + 1))
end

--- Gives up what is cached of an item.
---@param id string
function versions.raise(id)
  dict:incr("raised", 1)
  local key = "item " .. id
  if dict:incr(key, 1) then return end
  local ok, err = dict:safe_add(key, 1)
  if ok then return end
  if err == "exists" then
    dict:incr(key, 1) -- another worker was faster
  else
    versions.raise_all()
  end
end

--- How often a version was raised since nginx started.
---@return integer
function versions.count()
  return dict:get "raised" or 0
end

return versions
