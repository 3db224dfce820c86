"""Animals: class, food, young, group, female, male, home.

A row: name | plural | class | eats | its young | a group | the female | the male | lives in (or on, over).
An empty cell: no word that is well established, or nothing simple that is true.
"""

from grammar import capitalise
from world_fact import article, make

_TABLE = """
aardvark|aardvarks|mammal|ants and termites|||||Africa
albatross|albatrosses|bird|squid and fish|chick||||over the southern oceans
alligator|alligators|reptile|fish and turtles|hatchling||||the south-east of the United States
alpaca|alpacas|mammal|grass|cria|herd|||the Andes
ant|ants|insect||larva|colony|||
anteater|anteaters|mammal|ants and termites|pup||||South America
armadillo|armadillos|mammal|insects|pup||||the Americas
badger|badgers|mammal|earthworms|cub|cete|sow|boar|
bat|bats|mammal||pup|colony|||
bear|bears|mammal|berries, fish and meat|cub|sloth|sow|boar|forests
beaver|beavers|mammal|bark and leaves|kit|colony|||rivers and ponds
bee|bees|insect|nectar and pollen|larva|swarm||drone|hives
bison|bison|mammal|grass|calf|herd|cow|bull|on the prairies of North America
blue whale|blue whales|mammal|krill|calf|pod|cow|bull|the oceans
butterfly|butterflies|insect|nectar|caterpillar||||
camel|camels|mammal|thorny plants and grass|calf|caravan|cow|bull|deserts
capybara|capybaras|mammal|grass and water plants|pup|herd|||South America
cat|cats|mammal|mice and birds|kitten|clowder|queen|tom|
cheetah|cheetahs|mammal|gazelles|cub|coalition|||the African savanna
chicken|chickens|bird|seeds and worms|chick|flock|hen|rooster|
chimpanzee|chimpanzees|mammal|fruit and leaves|infant|troop|||the forests of Africa
cow|cows|mammal|grass and hay|calf|herd|cow|bull|on farms
coyote|coyotes|mammal|rabbits and rodents|pup|pack|||North America
crab|crabs|crustacean|algae and small animals|||||
crocodile|crocodiles|reptile|fish and meat|hatchling|bask|||
crow|crows|bird||chick|murder|||
deer|deer|mammal|leaves and grass|fawn|herd|doe|buck|forests
dog|dogs|mammal|meat|puppy|pack|||
dolphin|dolphins|mammal|fish and squid|calf|pod|cow|bull|
donkey|donkeys|mammal|grass and straw|foal|herd|jenny|jack|
dragonfly|dragonflies|insect|flies and mosquitoes|nymph||||
duck|ducks|bird|water plants and insects|duckling|flock|hen|drake|
eagle|eagles|bird|fish and rabbits|eaglet||||
elephant|elephants|mammal|grass, leaves and bark|calf|herd|cow|bull|Africa and Asia
emu|emus|bird|plants and insects|chick|mob|||Australia
falcon|falcons|bird|other birds|chick||||
ferret|ferrets|mammal|meat|kit|business|jill|hob|
flamingo|flamingos|bird|algae and shrimps|chick|flamboyance|||salty lakes
fox|foxes|mammal|mice and berries|cub||vixen||
frog|frogs|amphibian|insects|tadpole|army|||
giant panda|giant pandas|mammal|bamboo|cub||||China
giraffe|giraffes|mammal|acacia leaves|calf|tower|cow|bull|the African savanna
goat|goats|mammal|grass and leaves|kid|herd|nanny|billy|
goose|geese|bird|grass|gosling|gaggle|goose|gander|
gorilla|gorillas|mammal|leaves and stems|infant|troop|||the forests of Africa
grasshopper|grasshoppers|insect|grass|nymph||||meadows
guinea pig|guinea pigs|mammal|grass and hay|pup|herd|sow|boar|South America
hamster|hamsters|mammal|seeds and grain|pup||||
hare|hares|mammal|grass and herbs|leveret|drove|||
hedgehog|hedgehogs|mammal|beetles and worms|hoglet|array|||
hippopotamus|hippopotamuses|mammal|grass|calf|bloat|cow|bull|the rivers of Africa
horse|horses|mammal|grass and oats|foal|herd|mare|stallion|
hummingbird|hummingbirds|bird|nectar|chick|charm|||the Americas
hyena|hyenas|mammal|carrion and meat|cub|clan|||Africa and Asia
jaguar|jaguars|mammal|deer and peccaries|cub||||the rainforests of South America
jellyfish|jellyfish|cnidarian|plankton|ephyra|smack|||the oceans
kangaroo|kangaroos|mammal|grass|joey|mob|||Australia
kiwi|kiwis|bird|worms and grubs|chick||||New Zealand
koala|koalas|mammal|eucalyptus leaves|joey||||Australia
Komodo dragon|Komodo dragons|reptile|deer and carrion|hatchling||||Indonesia
ladybird|ladybirds|insect|aphids|larva|loveliness|||
lemur|lemurs|mammal|fruit and leaves|pup|troop|||Madagascar
leopard|leopards|mammal|antelopes|cub|leap|leopardess||Africa and Asia
lion|lions|mammal|zebras and antelopes|cub|pride|lioness|lion|the African savanna
llama|llamas|mammal|grass|cria|herd|||the Andes
lobster|lobsters|crustacean|mussels and crabs|larva||||on the sea floor
lynx|lynxes|mammal|hares|kitten||||northern forests
manatee|manatees|mammal|seagrass|calf||cow|bull|warm coastal waters
meerkat|meerkats|mammal|insects and scorpions|pup|mob|||the Kalahari desert
mosquito|mosquitoes|insect|nectar and blood|larva|swarm|||
mouse|mice|mammal|seeds and grain|pup||doe|buck|
octopus|octopuses|mollusc|crabs and shellfish|||||on the sea floor
orangutan|orangutans|mammal|fruit|infant||||Borneo and Sumatra
orca|orcas|mammal|fish and seals|calf|pod|cow|bull|the oceans
ostrich|ostriches|bird|grass and seeds|chick|flock|hen|cock|Africa
otter|otters|mammal|fish and crabs|pup|romp|||rivers and lakes
owl|owls|bird|mice and voles|owlet|parliament|||
parrot|parrots|bird|seeds, nuts and fruit|chick|pandemonium|||the tropics
peacock|peacocks|bird|seeds and insects|peachick||peahen|peacock|India
penguin|penguins|bird|fish and krill|chick|colony|||the Southern Hemisphere
pig|pigs|mammal|grain and roots|piglet|herd|sow|boar|
pigeon|pigeons|bird|seeds and grain|squab|flock|hen|cock|
platypus|platypuses|mammal|shrimps and worms|puggle||||Australia
polar bear|polar bears|mammal|seals|cub||sow|boar|the Arctic
porcupine|porcupines|mammal|bark and roots|porcupette|prickle|||
rabbit|rabbits|mammal|grass and clover|kit|colony|doe|buck|
raccoon|raccoons|mammal|nuts, eggs and crayfish|kit|gaze|||North America
rat|rats|mammal||pup|mischief|doe|buck|
raven|ravens|bird||chick|unkindness|||
red panda|red pandas|mammal|bamboo|cub||||the Himalayas
rhinoceros|rhinoceroses|mammal|grass and leaves|calf|crash|cow|bull|
salamander|salamanders|amphibian|worms and slugs|larva||||damp forests
salmon|salmon|fish|smaller fish and shrimps|||||
scorpion|scorpions|arachnid|insects|scorpling||||
seahorse|seahorses|fish|tiny shrimps|fry||||seagrass meadows
seal|seals|mammal|fish|pup||cow|bull|
shark|sharks|fish|fish and seals|pup|shiver|||the oceans
sheep|sheep|mammal|grass|lamb|flock|ewe|ram|
skunk|skunks|mammal|insects and eggs|kit|surfeit|||the Americas
sloth|sloths|mammal|leaves|||||the rainforests of South America
snail|snails|mollusc|leaves|||||
spider|spiders|arachnid|insects|spiderling||||
squirrel|squirrels|mammal|nuts and seeds|kit|scurry|||
starfish|starfish|echinoderm|mussels|larva||||on the sea floor
starling|starlings|bird|insects and berries|chick|murmuration|||
swan|swans|bird|water plants|cygnet||pen|cob|
Tasmanian devil|Tasmanian devils|mammal|carrion|joey||||Tasmania
tiger|tigers|mammal|deer and wild pigs|cub|ambush|tigress|tiger|Asia
toad|toads|amphibian|insects and worms|tadpole|knot|||
tortoise|tortoises|reptile|grass and leaves|hatchling|creep|||
toucan|toucans|bird|fruit|chick||||the rainforests of South America
vulture|vultures|bird|carrion|chick|committee|||
walrus|walruses|mammal|clams|calf|herd|cow|bull|the Arctic
wolf|wolves|mammal|deer and elk|pup|pack|||northern forests
wombat|wombats|mammal|grass and roots|joey||||Australia
woodpecker|woodpeckers|bird|insects in wood|chick||||
zebra|zebras|mammal|grass|foal|dazzle|mare|stallion|the African savanna
"""
_COMMON = {("class", n) for n in "bee,cat,chicken,cow,dog,dolphin,duck,elephant,frog,horse,lion,shark,blue whale,spider,snail".split(",")}
_COMMON |= {("young", n) for n in "bear,cat,chicken,cow,deer,dog,duck,frog,goat,goose,horse,kangaroo,lion,pig,sheep,butterfly".split(",")}
_COMMON |= {("food", n) for n in "cow,horse,giant panda,koala,sheep,rabbit".split(",")} | {("home", n) for n in ("kangaroo", "koala", "polar bear", "giant panda")}
_COMMON |= {("female", n) for n in ("chicken", "cow", "lion", "sheep", "horse")} | {("male", n) for n in ("chicken", "cow", "sheep", "horse")}
_COMMON |= {("group", n) for n in ("wolf", "lion", "bee", "elephant", "sheep")}


def facts():
    for line in _TABLE.strip().split("\n"):
        name, plural, sort, food, young, group, female, male, home = line.split("|")

        def fact(prop, answer, value, n=name, many=plural):
            return make("animal", n, prop, answer, value, (prop, n) in _COMMON, a=article(n), p=many, n=n, v=value)

        start, many = capitalise(article(name)), capitalise(plural)
        yield fact("class", f"{start} is {article(sort)}.", sort)
        if food:
            yield fact("food", f"{many} eat {food}.", food)
        if young:
            yield fact("young", f"A young {name} is called {article(young)}.", young)
        if group:
            yield fact("group", f"A group of {plural} is called {article(group)}.", group)
        if female and female != name:
            yield fact("female", f"A female {name} is called {article(female)}.", female)
        if male and male != name:
            yield fact("male", f"A male {name} is called {article(male)}.", male)
        if home:
            where = home if home.startswith(("on ", "over ")) else "in " + home
            yield fact("home", f"{many} live {where}.", where.split(" ", 1)[1])
