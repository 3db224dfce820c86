"""Planets, dwarf planets, moons and stars.

Counts that still grow (moons of the giant planets) are left out; so are discoveries that are disputed.
"""

from world_fact import make

# name | moons | largest moon | named after | type | year lasts | day lasts | diameter in kilometres | known for
_PLANETS = """
Mercury|no moons||the Roman god of trade|rocky planet|88 days||4,879|being the smallest planet
Venus|no moons||the Roman goddess of love|rocky planet|225 days||12,104|being the hottest planet
Earth|one moon|the Moon||rocky planet|365 days|24 hours|12,742|having life
Mars|two moons|Phobos|the Roman god of war|rocky planet|687 days|24.6 hours|6,779|its red colour
Jupiter||Ganymede|the king of the Roman gods|gas giant|12 years|10 hours|139,820|its Great Red Spot
Saturn||Titan|the Roman god of farming|gas giant|29 years|10.7 hours|116,460|its bright rings
Uranus||Titania|the Greek god of the sky|ice giant|84 years|17 hours|50,724|lying on its side
Neptune||Triton|the Roman god of the sea|ice giant|165 years|16 hours|49,244|being the farthest planet
"""
_ORDER = "first second third fourth fifth sixth seventh eighth".split()
_COMMON_PLANET = ("place", "at_place", "known_for", "moons")

# name | year of discovery | discoverer | largest moon | named after | where
_DWARFS = """
Ceres|1801|Giuseppe Piazzi||the Roman goddess of crops|the asteroid belt
Pluto|1930|Clyde Tombaugh|Charon|the god of the underworld|the Kuiper belt
Haumea|||Hi'iaka|the Hawaiian goddess of childbirth|the Kuiper belt
Makemake|2005|||the creator god of Easter Island|the Kuiper belt
Eris|2005||Dysnomia|the Greek goddess of strife|the scattered disc
"""

# name | planet | year of discovery | discoverer | known for or named after
_MOONS = """
the Moon|Earth||||the landing of Apollo 11
Phobos|Mars|1877|Asaph Hall|fear|
Deimos|Mars|1877|Asaph Hall|terror|
Io|Jupiter|1610|Galileo Galilei||its volcanoes
Europa|Jupiter|1610|Galileo Galilei||an ocean under its ice
Ganymede|Jupiter|1610|Galileo Galilei||being the largest moon
Callisto|Jupiter|1610|Galileo Galilei||its many craters
Amalthea|Jupiter|1892|Edward Emerson Barnard||
Himalia|Jupiter|1904|Charles Dillon Perrine||
Elara|Jupiter|1905|Charles Dillon Perrine||
Pasiphae|Jupiter|1908|Philibert Jacques Melotte||
Sinope|Jupiter|1914|Seth Barnes Nicholson||
Lysithea|Jupiter|1938|Seth Barnes Nicholson||
Carme|Jupiter|1938|Seth Barnes Nicholson||
Ananke|Jupiter|1951|Seth Barnes Nicholson||
Leda|Jupiter|1974|Charles Kowal||
Metis|Jupiter|1979|||
Adrastea|Jupiter|1979|||
Thebe|Jupiter|1979|||
Titan|Saturn|1655|Christiaan Huygens||its thick orange air
Iapetus|Saturn|1671|Giovanni Cassini||its dark and bright sides
Rhea|Saturn|1672|Giovanni Cassini||
Tethys|Saturn|1684|Giovanni Cassini||
Dione|Saturn|1684|Giovanni Cassini||
Mimas|Saturn|1789|William Herschel||its huge crater Herschel
Enceladus|Saturn|1789|William Herschel||its geysers of water
Hyperion|Saturn|1848|||its sponge-like shape
Phoebe|Saturn|1899|William Henry Pickering||
Janus|Saturn|1966|||
Pandora|Saturn|1980|||
Pan|Saturn|1990|Mark Showalter||
Titania|Uranus|1787|William Herschel|the queen of the fairies|
Oberon|Uranus|1787|William Herschel|the king of the fairies|
Ariel|Uranus|1851|William Lassell||
Umbriel|Uranus|1851|William Lassell||
Miranda|Uranus|1948|Gerard Kuiper||its very high cliffs
Puck|Uranus|1985|||
Triton|Neptune|1846|William Lassell||moving backwards
Nereid|Neptune|1949|Gerard Kuiper||
Proteus|Neptune|1989|||
Charon|Pluto|1978|James Christy||
Nix|Pluto|2005|||
Hydra|Pluto|2005|||
Kerberos|Pluto|2011|||
Styx|Pluto|2012|||
"""

# name | constellation | distance in light years | type or colour | known for
_STARS = """
the Sun|||yellow dwarf|giving us light and warmth
Sirius|Canis Major|8.6||being the brightest star at night
Canopus|Carina|||being the second brightest star at night
Proxima Centauri|Centaurus|4.2|red dwarf|being the nearest star to the Sun
Arcturus|Bootes|37|red giant|
Vega|Lyra|25||
Capella|Auriga|43||
Rigel|Orion||blue supergiant|
Procyon|Canis Minor|11.5||
Betelgeuse|Orion||red supergiant|
Achernar|Eridanus|||
Altair|Aquila|17||
Aldebaran|Taurus|65||
Antares|Scorpius||red supergiant|
Spica|Virgo|250||
Pollux|Gemini|34|orange giant|
Fomalhaut|Piscis Austrinus|25||
Deneb|Cygnus|||
Regulus|Leo|79||
Castor|Gemini|51||
Bellatrix|Orion|||
Polaris|Ursa Minor|||standing above the North Pole
Algol|Perseus|||
Mira|Cetus||red giant|
Barnard's Star|Ophiuchus|6|red dwarf|
"""


def _rows(table):
    return [line.split("|") for line in table.strip().split("\n")]


def _maker(kind, name, common):
    bare = name.removeprefix("the ")
    return lambda prop, answer, value, spoken="": make(kind, bare, prop, answer, value, prop in common, e=name, v=spoken or value)


def _planets():
    for place, (name, moons, largest, named, sort, year, day, wide, known) in zip(_ORDER, _rows(_PLANETS)):
        fact = _maker("planet", name, _COMMON_PLANET + ("year", "day", "largest_moon") * (name == "Earth"))
        yield fact("place", f"{name} is the {place} planet from the Sun.", place)
        yield fact("at_place", f"The {place} planet from the Sun is {name}.", name, place)
        if moons:
            yield fact("moons", f"{name} has {moons}.", moons.split()[0])
        if largest:
            yield fact("largest_moon", f"The largest moon of {name} is {largest}.", largest)
        if named:
            yield fact("named_after", f"{name} is named after {named}.", named)
        yield fact("type", f"{name} is {'an' if sort[0] == 'i' else 'a'} {sort}.", sort)
        yield fact("year", f"A year on {name} lasts about {year}.", year)
        if day:
            yield fact("day", f"{name} turns once in about {day}.", day)
        yield fact("diameter", f"The diameter of {name} is about {wide} kilometres.", wide)
        yield fact("known_for", f"{name} is known for {known}.", known)


def _dwarfs():
    for name, year, discoverer, largest, named, where in _rows(_DWARFS):
        fact = _maker("dwarf", name, ())
        yield fact("type", f"{name} is a dwarf planet.", "dwarf planet")
        if year:
            yield fact("found", f"{name} was discovered in {year}.", year)
        if discoverer:
            yield fact("discoverer", f"{name} was discovered by {discoverer}.", discoverer)
        if largest:
            yield fact("largest_moon", f"The largest moon of {name} is {largest}.", largest)
        yield fact("named_after", f"{name} is named after {named}.", named)
        yield fact("where", f"{name} circles the Sun in {where}.", where)


def _moons():
    for name, planet, year, discoverer, named, known in _rows(_MOONS):
        fact = _maker("moon", name, ("planet",) if name in ("the Moon", "Titan", "Europa") else ())
        start = name[0].upper() + name[1:]
        yield fact("planet", f"{start} is a moon of {planet}.", planet)
        if year:
            yield fact("found", f"The moon {name} was discovered in {year}.", year)
        if discoverer:
            yield fact("discoverer", f"The moon {name} was discovered by {discoverer}.", discoverer)
        if named:
            yield fact("named_after", f"The moon {name} is named after {named}.", named)
        if known:
            yield fact("known_for", f"{start} is known for {known}.", known)


def _stars():
    for name, constellation, distance, sort, known in _rows(_STARS):
        fact = _maker("star", name, ("known_for",) if name in ("the Sun", "Sirius", "Polaris") else ())
        start = name[0].upper() + name[1:]
        if constellation:
            yield fact("constellation", f"{start} is a star in the constellation {constellation}.", constellation)
        if distance:
            yield fact("distance", f"{start} is about {distance} light years away.", distance)
        if sort:
            yield fact("type", f"{start} is {'an' if sort[0] == 'o' else 'a'} {sort}.", sort)
        if known:
            yield fact("known_for", f"{start} is known for {known}.", known)


def facts():
    for part in (_planets, _dwarfs, _moons, _stars):
        yield from part()
